#!/usr/bin/env python3
"""The official conformance suite for MCP.

    target/real/mcp-2/bin/python tests/real/conformance.py target/debug/local
    target/real/mcp-2/bin/python tests/real/conformance.py target/debug/local --all --write

Runs the suite's clients against an emulated runtime and an emulated gateway; a forwarder signs their requests. With `--all`
they also call a runtime whose container is a real server, and template.yaml is deployed with a container that forwards to one
of the suite's servers, which judges the requests of the verification. `conformance.toml` has the expected results. `--write`
writes the table of docs/real-software.md. Without `--write`, the table must match the results.
"""

import argparse
import collections
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from documented import ROOT, document, version
from emulated import Emulator
from forwarder import signing

NODE = ROOT / "target/real/node"
SUITE = [NODE / "bin/node", NODE / "node_modules/@modelcontextprotocol/conformance/dist/index.js"]
EXPECTED = tomllib.loads(Path(__file__).with_name("conformance.toml").read_text())
# Seconds. A deployment takes a fraction of it.
TIMEOUT = 120


def run_scenario(kind: str, name: str, *arguments: str) -> tuple[int, list[str]]:
    """Runs a scenario. Returns the number of the checks that passed, and those that did not or could not."""
    with tempfile.TemporaryDirectory() as folder:
        command = [*SUITE, kind, "--scenario", name, "--output-dir", folder, "--timeout", f"{TIMEOUT}000", *arguments]
        # Its exit code is that of the checks that are expected to fail, too.
        done = subprocess.run(command, capture_output=True, text=True, timeout=2 * TIMEOUT, check=False)
        reports = list(Path(folder).glob("**/checks.json"))
        if len(reports) != 1:
            raise SystemExit(f"{name} was not run:\n{done.stdout}{done.stderr}")
        checks = json.loads(reports[0].read_text())
    counted = collections.Counter(check["status"] for check in checks)
    # INFO is not a result: it notes what was seen, or that something is allowed.
    others = {check["id"] for check in checks if check["status"] not in ("SUCCESS", "INFO")}
    return counted["SUCCESS"], sorted(others)


class Comparison:
    """The results of one place, next to the expected ones."""

    def __init__(self, place: str) -> None:
        self.place, self.scenarios, self.passed, self.failed = place, 0, 0, False

    def add(self, scenario: dict, passed: int, seen: tuple[int, list[str]]) -> None:
        others = [other for other in scenario.get("other", []) if self.place in other.get("places", [self.place])]
        expected = (passed, sorted(check for other in others for check in other["checks"]))
        verdict = "ok  " if seen == expected else "FAIL"
        print(f"{verdict} {scenario['name']}, {self.place}: {seen[0]} passed", flush=True)
        if seen != expected:
            print(f"     expected {expected}\n     seen     {seen}", flush=True)
            self.failed = True
        self.scenarios += 1
        self.passed += seen[0]


def judge_server(place: str, emulator: Emulator, url: str) -> Comparison:
    comparison, forwarder = Comparison(place), signing(emulator, url)
    for scenario in EXPECTED["server"]:
        if place in scenario["passed"]:
            seen = run_scenario("server", scenario["name"], "--url", forwarder.url)
            comparison.add(scenario, scenario["passed"][place], seen)
    forwarder.stop()
    return comparison


def judge_servers(binary: str) -> list[Comparison]:
    with Emulator(binary) as emulator:
        runtime = emulator.runtime("server")
        gateway, gateway_url = emulator.gateway("gateway", authorizerType="AWS_IAM")
        emulator.signed_target(gateway, "server", runtime)
        return [judge_server(place, emulator, url) for place, url in [("runtime", runtime), ("gateway", gateway_url)]]


def judge_container(binary: str) -> list[Comparison]:
    container = shlex.join([str(NODE / "bin/node"), str(NODE / "everything.mjs")])
    with Emulator(binary, "--server", container) as emulator:
        return [judge_server("container", emulator, emulator.runtime("server"))]


def judge_clients(binary: str) -> list[Comparison]:
    comparison = Comparison("verification")
    for scenario in EXPECTED["client"]:
        # The suite appends the URL of its server.
        client = shlex.join([sys.executable, __file__, binary, "--verify", scenario.get("tool", "")])
        seen = run_scenario("client", scenario["name"], "--command", client)
        comparison.add(scenario, scenario["passed"], seen)
    return [comparison]


def verify(binary: str, tool: str, url: str) -> None:
    """Deploys template.yaml with a container that forwards to a server of the suite."""
    server = shlex.join([sys.executable, str(Path(__file__).with_name("forwarder.py")), url])
    arguments = ["--server", server, "--parameter-overrides", f"VerifyWithTool={tool}"]
    os.execv(binary, [binary, *arguments])


def scenarios(kind: str) -> int:
    """Returns the number of the suite's scenarios. Each has to be run, or omitted for a reason."""
    listed = subprocess.run([*SUITE, "list"], capture_output=True, text=True, timeout=60, check=True).stdout
    listed = re.search(rf"^{kind.capitalize()} scenarios .*?\n\n", listed, re.MULTILINE | re.DOTALL)[0]
    names = re.findall(r"^ +- (\S+)", listed, re.MULTILINE)
    known = [scenario["name"] for scenario in EXPECTED[kind]]
    known += [name for omitted in EXPECTED[f"omitted-{kind}"] for name in omitted["scenarios"]]
    if sorted(names) != sorted(known):
        raise SystemExit(f"conformance.toml does not have the suite's scenarios: {sorted(set(names) ^ set(known))}")
    return len(names)


def main() -> None:
    parser = argparse.ArgumentParser(description="Runs the official conformance suite for MCP.")
    parser.add_argument("binary")
    parser.add_argument("--all", action="store_true", help="judge a real container and a verification, too")
    parser.add_argument("--write", action="store_true", help="write the table of the documentation; needs --all")
    # The command that the suite calls.
    parser.add_argument("--verify", nargs=2, metavar=("TOOL", "URL"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.verify:
        verify(arguments.binary, *arguments.verify)
    if arguments.write and not arguments.all:
        parser.error("--write needs --all")
    judged = [(scenarios("server"), comparison) for comparison in judge_servers(arguments.binary)]
    if arguments.all:
        judged += [(scenarios("server"), comparison) for comparison in judge_container(arguments.binary)]
        judged += [(scenarios("client"), comparison) for comparison in judge_clients(arguments.binary)]
    if any(comparison.failed for _, comparison in judged):
        sys.exit("the conformance suite ends otherwise than conformance.toml says")
    suite = version("@modelcontextprotocol/conformance")
    rows = [[it.place, suite, f"{it.scenarios} of {total}", str(it.passed)] for total, it in judged]
    document("conformance", rows, arguments.write)


if __name__ == "__main__":
    main()
