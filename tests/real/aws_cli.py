#!/usr/bin/env python3
"""A manual deployment with the AWS CLI, one command after the other, in the emulated account of `local emulate`.

    target/real/mcp-2/bin/python tests/real/aws_cli.py target/debug/local
"""

import json
import subprocess
import sys
import tempfile
import time
import unittest

from documented import ROOT
from emulated import IMAGE, Emulator

AWS = ROOT / "target/real/aws-cli/bin/aws"

SECRET_NAME = "zscaler/mcp/credentials"
SECRET = {"ZSCALER_CLIENT_ID": "your-client-id", "ZSCALER_CLIENT_SECRET": "your-client-secret"}
ENVIRONMENT = {"ZSCALER_SECRET_NAME": SECRET_NAME, "AWS_REGION": "us-east-1", "ZSCALER_MCP_WRITE_ENABLED": "false"}
TOOLS = ["tool_001", "tool_002", "tool_003"]


class AwsCliTest(unittest.TestCase):
    binary = ""

    @classmethod
    def setUpClass(cls) -> None:
        cls.emulator = cls.enterClassContext(Emulator(cls.binary))

    def run_command(self, *arguments: str) -> subprocess.CompletedProcess:
        command, environment = [AWS, "--output", "json", *arguments], self.emulator.environment(AWS_PAGER="")
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

    def aws(self, *arguments: str):
        """Runs a command that has to succeed, and returns its answer."""
        done = self.run_command(*arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def assert_refused(self, words: str, *arguments: str) -> None:
        done = self.run_command(*arguments)
        self.assertNotEqual(done.returncode, 0, done.stdout)
        self.assertIn(words, done.stderr)

    def create_runtime(self, name: str) -> list[str]:
        return [
            *["bedrock-agentcore-control", "create-agent-runtime", "--agent-runtime-name", name],
            *["--description", "Zscaler MCP Server with Secrets Manager"],
            *["--agent-runtime-artifact", json.dumps({"containerConfiguration": {"containerUri": IMAGE}})],
            *["--role-arn", self.emulator["ROLE_ARN"]],
            *["--network-configuration", '{"networkMode": "PUBLIC"}'],
            *["--protocol-configuration", '{"serverProtocol": "MCP"}'],
            *["--environment-variables", json.dumps(ENVIRONMENT)],
        ]

    def get_runtime(self, runtime: str) -> list[str]:
        return ["bedrock-agentcore-control", "get-agent-runtime", "--agent-runtime-id", runtime]

    def wait_until_ready(self, runtime: str) -> None:
        for _ in range(20):
            if self.aws(*self.get_runtime(runtime))["status"] == "READY":
                return
            time.sleep(0.2)
        self.fail(f"{runtime} does not become READY")

    def invoke(self, arn: str, method: str, **params: object) -> dict:
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        with tempfile.NamedTemporaryFile() as answer:
            status = self.aws(
                *["bedrock-agentcore", "invoke-agent-runtime", "--agent-runtime-arn", arn],
                *["--content-type", "application/json", "--accept", "application/json, text/event-stream"],
                *["--payload", json.dumps(message), answer.name],
            )
            self.assertEqual(status["statusCode"], 200)
            return json.loads(answer.read())["result"]

    def test_a_deployment_by_hand_works_from_the_secret_to_the_deletion(self) -> None:
        self.aws(
            *["secretsmanager", "create-secret", "--name", SECRET_NAME, "--kms-key-id", "alias/aws/secretsmanager"],
            *["--description", "Zscaler API credentials", "--secret-string", json.dumps(SECRET)],
        )
        described = self.aws("secretsmanager", "describe-secret", "--secret-id", SECRET_NAME)
        self.assertEqual([described["Name"], described["KmsKeyId"]], [SECRET_NAME, "alias/aws/secretsmanager"])

        created = self.aws(*self.create_runtime("zscalermcp"))
        runtime, arn = created["agentRuntimeId"], created["agentRuntimeArn"]
        self.wait_until_ready(runtime)
        query = ["--query", "agentRuntimes[].agentRuntimeId"]
        listed = self.aws("bedrock-agentcore-control", "list-agent-runtimes", *query)
        self.assertEqual(listed, [runtime])
        self.assertEqual(self.aws(*self.get_runtime(runtime), "--query", "environmentVariables"), ENVIRONMENT)

        self.assertEqual([tool["name"] for tool in self.invoke(arn, "tools/list")["tools"]], TOOLS)
        called = self.invoke(arn, "tools/call", name="tool_002", arguments={})
        self.assertEqual(called["content"][0]["text"], "tool_002 was called")
        group = f"/aws/bedrock-agentcore/runtimes/{runtime}-DEFAULT"
        written = self.aws("logs", "filter-log-events", "--log-group-name", group, "--query", "events[].message")
        self.assertIn("INFO: serving streamable HTTP on 0.0.0.0:8000/mcp", written)

        self.aws("bedrock-agentcore-control", "delete-agent-runtime", "--agent-runtime-id", runtime)
        time.sleep(1)
        self.assert_refused("ResourceNotFoundException", *self.get_runtime(runtime))

    def test_a_name_with_a_hyphen_is_refused_as_by_the_service(self) -> None:
        self.assert_refused("[a-zA-Z][a-zA-Z0-9_]{0,47}", *self.create_runtime("zscaler-mcp"))

    def test_services_that_are_not_there_are_refused_in_words(self) -> None:
        self.assert_refused("the emulator has no service `kms`", "kms", "create-key")
        self.assert_refused("the emulator has no service `iam`", "iam", "list-roles")


if __name__ == "__main__":
    AwsCliTest.binary = sys.argv.pop()
    unittest.main()
