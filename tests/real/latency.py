#!/usr/bin/env python3
"""The time that the emulated AgentCore adds to a request for a real server: medians of 300 requests, directly and through it.

    target/real/mcp-2/bin/python tests/real/latency.py target/debug/local
"""

import asyncio
import http.client
import json
import os
import statistics
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Callable

from emulated import Emulator

REQUESTS = 300
MESSAGE = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).encode()
BODY = json.dumps({"jsonrpc": "2.0", "id": 1, "result": {"tools": []}}).encode()
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(BODY), BODY)


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers every request on a connection at once."""
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            await reader.readexactly(int(lengths[0].split(b":")[1]) if lengths else 0)
            writer.write(ANSWER)
            await writer.drain()
    except asyncio.IncompleteReadError:
        writer.close()


async def serve(port: int) -> None:
    server = await asyncio.start_server(answer, "0.0.0.0", port)
    if not port:
        print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def median_milliseconds(request: Callable[[], None]) -> float:
    request()
    times = []
    for _ in range(REQUESTS):
        begun = time.perf_counter()
        request()
        times.append(time.perf_counter() - begun)
    return statistics.median(times) * 1000


def main(binary: str) -> None:
    this = [sys.executable, __file__, "serve"]
    with subprocess.Popen(this, env={**os.environ, "PORT": "0"}, stdout=subprocess.PIPE, text=True) as server:
        connection = http.client.HTTPConnection("127.0.0.1", int(server.stdout.readline()))

        def direct() -> None:
            connection.request("POST", "/mcp", MESSAGE, {"content-type": "application/json"})
            connection.getresponse().read()

        alone = median_milliseconds(direct)
        server.terminate()
    with Emulator(binary, "--server", " ".join(this)) as aws:
        arn = urllib.parse.unquote(aws.runtime("latency").split("/")[4])
        client = aws.client("bedrock-agentcore")

        def invoke() -> None:
            client.invoke_agent_runtime(
                agentRuntimeArn=arn,
                runtimeSessionId="s" * 40,
                contentType="application/json",
                accept="application/json, text/event-stream",
                payload=MESSAGE,
            )["response"].read()

        through = median_milliseconds(invoke)
    print(f"directly {alone:.1f} ms, through the emulated AgentCore with boto3 {through:.1f} ms")


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        asyncio.run(serve(int(os.environ["PORT"])))
    else:
        main(sys.argv[1])
