#!/usr/bin/env python3
"""Real MCP servers behind the emulated AWS.

    target/real/mcp-2/bin/python tests/real/servers.py target/debug/local
    target/real/mcp-2/bin/python tests/real/servers.py target/debug/local --all --write

Runs each server of servers.toml with a secret that it reads with its SDK from the emulated account. The official MCP client
for Python lists the tools and calls one, in the newest revision that the server has and in one with a handshake. Like the
platform, it adds a session id of its own to requests without one.

Then `local` deploys template.yaml with the server as the container, and its verification calls the server: those marked as
`core`, or with `--all` every one. `--write` writes the table of docs/real-software.md. Without `--write`, the table
must match the results.
"""

import argparse
import asyncio
import contextlib
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import tomllib
import traceback
import uuid
from pathlib import Path

import httpx2
from documented import ROOT, document, version
from emulated import Emulator
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

LISTED = tomllib.loads(Path(__file__).with_name("servers.toml").read_text())
SERVERS = [{**LISTED["default"], **server} for server in LISTED["server"]]

SECRET_NAME = "zscaler/mcp"
SECRET = {
    "ZSCALER_CLIENT_ID": "made-up",
    "ZSCALER_CLIENT_SECRET": "made-up",
    "ZSCALER_VANITY_DOMAIN": "acme",
    "ZSCALER_CUSTOMER_ID": "1234567",
}
# The part of template.yaml's environment without which the Zscaler server does not serve plain HTTP.
ENVIRONMENT = {
    "ZSCALER_MCP_TRANSPORT": "streamable-http",
    "ZSCALER_MCP_HOST": "0.0.0.0",
    "ZSCALER_MCP_ALLOW_HTTP": "true",
    "ZSCALER_MCP_DISABLE_HOST_VALIDATION": "true",
    "ZSCALER_MCP_AUTH_ENABLED": "false",
    "ZSCALER_SECRET_NAME": SECRET_NAME,
}
# Seconds in which AgentCore wants a container to serve.
START = 30
# What the last server wrote.
LOG = ROOT / "target/real/server.log"


class Container:
    """A running server."""

    def __init__(self, server: dict, environment: dict[str, str]) -> None:
        self.port = free_port()
        environment = {**environment, server["port-variable"]: str(self.port)}
        command = shlex.split(server["command"])
        with LOG.open("w") as log:
            # In a process group of its own, so that all of it ends.
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)

    def wait_until_it_serves(self) -> None:
        for _ in range(START * 10):
            if self.process.poll() is not None:
                break
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.1)
        raise AssertionError(f"does not serve within {START} s")

    def stop(self) -> None:
        # It may have ended by itself.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def platform_session():
    """Returns a hook that adds the session id of the platform to each request that has none, except `initialize`."""
    session = str(uuid.uuid4())

    async def add(request: httpx2.Request) -> None:
        message = json.loads(request.content or b"{}")
        if message.get("method") != "initialize":
            request.headers.setdefault("mcp-session-id", session)

    return add


async def use(port: int, mode: str, tool: str, arguments: dict) -> tuple[str, list[str], str]:
    """Lists the tools and calls one. Returns the revision, the tools and what the tool said."""
    headers = {"host": "localhost:8000"}
    hooks = {"request": [platform_session()]}
    async with httpx2.AsyncClient(headers=headers, event_hooks=hooks, timeout=20, trust_env=False) as http:
        transport = streamable_http_client(f"http://127.0.0.1:{port}/mcp", http_client=http)
        async with Client(transport, mode=mode, read_timeout_seconds=20) as client:
            names, cursor = [], None
            while True:
                page = await client.list_tools(cursor=cursor)
                names += [tool.name for tool in page.tools]
                cursor = page.next_cursor
                if not cursor:
                    break
            answer = await client.call_tool(tool, arguments)
            return client.protocol_version, names, answer.content[0].text


def list_and_call(server: dict, emulator: Emulator) -> tuple[str, int]:
    """Uses a server as a client behind the platform does. Returns its revisions and the number of its tools."""
    container = Container(server, emulator.environment(**ENVIRONMENT))
    try:
        container.wait_until_it_serves()
        revisions, counts = [], set()
        for mode in ["auto", "legacy"]:
            call, arguments = server["call"], server.get("arguments", {})
            revision, tools, answer = asyncio.run(use(container.port, mode, call, arguments))
            if missing := set(server["tools"]) - set(tools):
                raise AssertionError(f"does not list {missing} in {revision}, but {tools}")
            if server["answer"] not in answer:
                raise AssertionError(f"says {answer!r} in {revision} when {call} is called")
            revisions.append(revision)
            counts.add(len(tools))
        if server.get("logs", "") not in LOG.read_text():
            raise AssertionError(f"does not log {server['logs']!r}")
        [count] = counts
        return ", ".join(dict.fromkeys(revisions)), count
    finally:
        container.stop()


def deploy(server: dict, binary: str, count: int) -> str:
    """Deploys template.yaml with a server as the container. Returns what its verification did."""
    command = [binary, "--server", server["command"], "--server-port-variable", server["port-variable"]]
    expected, did = f"PASSED - the server answers and lists {count} tools", "listed the tools"
    if server["call"] == LISTED["default"]["call"]:
        command += ["--parameter-overrides", f"VerifyWithTool={server['call']}"]
        expected += f'; a call of the tool "{server["call"]}" succeeded'
        did += f" and called `{server['call']}`"
    together = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    done = subprocess.run(command, **together, text=True, timeout=300, check=False)
    if done.returncode or not re.search(rf"^ *VerificationResult *{re.escape(expected)}$", done.stdout, re.MULTILINE):
        raise AssertionError(f"is not deployed with {expected!r}:\n{done.stdout}")
    return did


def main() -> None:
    parser = argparse.ArgumentParser(description="Runs real MCP servers behind the emulated AWS.")
    parser.add_argument("binary")
    parser.add_argument("--all", action="store_true", help="deploy every server")
    parser.add_argument("--write", action="store_true", help="write the table of the documentation; needs --all")
    arguments = parser.parse_args()
    if arguments.write and not arguments.all:
        parser.error("--write needs --all")
    seen, failures = [], 0
    with Emulator(arguments.binary) as emulator:
        secrets = emulator.client("secretsmanager")
        secrets.create_secret(Name=SECRET_NAME, SecretString=json.dumps(SECRET))
        for server in SERVERS:
            try:
                revisions, count = list_and_call(server, emulator)
                row = [server["name"], version(server["package"], server.get("list", "")), revisions, str(count)]
                if arguments.all or server.get("core"):
                    seen.append([*row, deploy(server, arguments.binary, count)])
                print("ok   " + " | ".join(row), flush=True)
            except Exception as error:
                failures += 1
                print(f"FAIL {server['name']}: {''.join(traceback.format_exception(error))}")
                print(f"     what it wrote: {LOG.read_text()[-2000:]}", flush=True)
    if failures:
        sys.exit(f"{failures} of {len(SERVERS)} servers failed")
    document("servers", seen, arguments.write)


if __name__ == "__main__":
    main()
