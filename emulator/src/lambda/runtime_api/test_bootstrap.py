#!/usr/bin/env python3
"""A bootstrap that does what each event tells it to: {"do": "answer" | "fail" | "exit" | "sleep" | "say"}."""

import json
import os
import sys
import time
import urllib.request

API = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime"


def post(path, body):
    urllib.request.urlopen(urllib.request.Request(f"{API}/{path}", json.dumps(body).encode(), method="POST"))


if os.environ.get("FAIL_AT_INIT"):
    post("init/error", {"errorType": "Bad.Init", "errorMessage": "no luck"})
    sys.exit(1)

while True:
    with urllib.request.urlopen(f"{API}/invocation/next") as response:
        event = json.load(response)
        headers = response.headers
    request_id = headers["Lambda-Runtime-Aws-Request-Id"]
    print(json.dumps({
        "pid": os.getpid(),
        "request_id": request_id,
        "arn": headers["Lambda-Runtime-Invoked-Function-Arn"],
        "remaining": int(headers["Lambda-Runtime-Deadline-Ms"]) / 1000 - time.time(),
        "environment": dict(os.environ),
    }), flush=True)
    if event["do"] == "exit":
        sys.exit(3)
    if event["do"] == "sleep":
        time.sleep(event["seconds"])
    if event["do"] == "say":
        print(event["text"], file=sys.stderr)
    if event["do"] == "fail":
        post(f"invocation/{request_id}/error", {"errorType": "Oh.No", "errorMessage": "it failed"})
    else:
        post(f"invocation/{request_id}/response", {})
