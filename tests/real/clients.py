#!/usr/bin/env python3
"""The emulated account of `local emulate`, by clients that share no code with this project.

    target/real/mcp-2/bin/python tests/real/clients.py target/debug/local

boto3 creates runtimes and gateways that take signatures or tokens. The official MCP clients for Python and TypeScript get a
token from the emulated identity provider, and mcp-proxy-for-aws signs. Each of them lists the tools and calls one, in the
newest revision that it speaks and in one with a handshake.
"""

import asyncio
import json
import logging
import os
import ssl
import subprocess
import sys
import traceback
import unittest

import httpx2
from botocore.exceptions import ClientError
from documented import PAGE, ROOT, version
from emulated import NEWEST, Emulator
from mcp import Client, StdioServerParameters
from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client

REAL = ROOT / "target/real"
HANDSHAKE = "2025-11-25"
TOOLS = ["tool_001", "tool_002", "tool_003"]
TARGETS = ["signed", "bearer"]
GATEWAY_TOOLS = [f"{target}___{tool}" for target in TARGETS for tool in TOOLS]

# The revision, the tools, and what the called tool said.
Used = tuple[str, list[str], str]


class Storage:
    """The tokens of one client, in memory."""

    tokens = None
    client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client_info):
        self.client = client_info


async def list_and_call(client: Client, tool: str) -> Used:
    tools = await client.list_tools()
    answer = await client.call_tool(tool, {})
    return client.protocol_version, [tool.name for tool in tools.tools], answer.content[0].text


class Account:
    """Runtimes and gateways in the emulated account: two that take signatures, two that take tokens."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        authorizer = {"authorizerConfiguration": emulator.authorizer()}
        self.signed = emulator.runtime("signed")
        self.bearer = emulator.runtime("bearer", **authorizer)
        signed, self.signed_gateway = emulator.gateway("signed", authorizerType="AWS_IAM")
        bearer, self.bearer_gateway = emulator.gateway("bearer", authorizerType="CUSTOM_JWT", **authorizer)
        provider = emulator.oauth2_provider("idp")
        for gateway in [signed, bearer]:
            emulator.signed_target(gateway, "signed", self.signed)
            emulator.bearer_target(gateway, "bearer", self.bearer, provider)

    def by_python(self, url: str, tool: str, mode: str, secret: str = "") -> Used:
        """Uses the Python client, which finds the identity provider by itself."""

        async def session() -> Used:
            auth = ClientCredentialsOAuthProvider(
                server_url=url,
                storage=Storage(),
                client_id=self.emulator["IDP_CLIENT_ID"],
                client_secret=secret or self.emulator["IDP_CLIENT_SECRET"],
                scope=self.emulator["IDP_SCOPE"],
                issuer=self.emulator["IDP_ISSUER"],
            )
            trusted = ssl.create_default_context(cafile=self.emulator["SSL_CERT_FILE"])
            proxy = self.emulator["HTTPS_PROXY"]
            async with httpx2.AsyncClient(auth=auth, timeout=20, proxy=proxy, verify=trusted) as http:
                transport = streamable_http_client(url, http_client=http)
                async with Client(transport, mode=mode, read_timeout_seconds=20) as client:
                    return await list_and_call(client, tool)

        return asyncio.run(session())

    def by_typescript(self, url: str, tool: str, mode: str, secret: str = "") -> Used:
        """Uses the TypeScript client, which finds the identity provider by itself."""
        environment = self.emulator.environment(NODE_USE_ENV_PROXY="1")
        if secret:
            environment["IDP_CLIENT_SECRET"] = secret
        command = [REAL / "node/bin/node", REAL / "node/client.mjs", url, tool, mode]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode:
            raise AssertionError(done.stderr)
        revision, tools, answer = json.loads(done.stdout)
        return revision, tools, answer

    def by_proxy_for_aws(self, url: str, tool: str, **environment: str) -> Used:
        """Uses mcp-proxy-for-aws, which signs the requests that a client writes to its standard input."""
        proxy = StdioServerParameters(
            command=str(REAL / "mcp-proxy-for-aws/bin/mcp-proxy-for-aws"),
            args=[url, "--disable-telemetry"],
            env=self.emulator.environment(**environment),
        )

        async def session() -> Used:
            with open(os.devnull, "w") as errors:
                async with Client(stdio_client(proxy, errlog=errors), mode="legacy", read_timeout_seconds=60) as client:
                    return await list_and_call(client, tool)

        return asyncio.run(session())


class ClientsTest(unittest.TestCase):
    binary = ""

    @classmethod
    def setUpClass(cls) -> None:
        cls.emulator = cls.enterClassContext(Emulator(cls.binary))
        cls.account = Account(cls.emulator)

    def test_clients_with_tokens_use_a_runtime(self) -> None:
        for use in [self.account.by_python, self.account.by_typescript]:
            for mode, revision in [("auto", NEWEST), ("legacy", HANDSHAKE)]:
                with self.subTest(use.__name__, mode=mode):
                    used = use(self.account.bearer, "tool_002", mode)
                    self.assertEqual(used, (revision, TOOLS, "tool_002 was called"))

    def test_clients_with_tokens_use_the_runtimes_behind_a_gateway(self) -> None:
        for use in [self.account.by_python, self.account.by_typescript]:
            for mode, revision in [("auto", NEWEST), ("legacy", HANDSHAKE)]:
                for target in TARGETS:
                    with self.subTest(use.__name__, mode=mode, target=target):
                        used = use(self.account.bearer_gateway, f"{target}___tool_002", mode)
                        self.assertEqual(used, (revision, GATEWAY_TOOLS, "tool_002 was called"))

    def test_a_client_that_signs_uses_a_runtime(self) -> None:
        used = self.account.by_proxy_for_aws(self.account.signed, "tool_002")
        self.assertEqual(used[1:], (TOOLS, "tool_002 was called"))

    def test_a_client_that_signs_uses_the_runtimes_behind_a_gateway(self) -> None:
        used = self.account.by_proxy_for_aws(self.account.signed_gateway, "bearer___tool_002")
        self.assertEqual(used[1:], (GATEWAY_TOOLS, "tool_002 was called"))

    def test_a_wrong_client_secret_opens_nothing(self) -> None:
        for use in [self.account.by_python, self.account.by_typescript]:
            with self.subTest(use.__name__), self.assertRaises(Exception) as raised:
                use(self.account.bearer, "tool_001", "auto", secret="wrong")
            self.assertRegex("".join(traceback.format_exception(raised.exception)), "(?i)invalid_?client")

    def test_a_wrong_signature_opens_nothing(self) -> None:
        for url, words in [
            (self.account.signed, "403 Forbidden"),
            (self.account.signed_gateway, "request signature we calculated does not match"),
        ]:
            with self.subTest(url), self.assertRaises(Exception) as raised:
                self.account.by_proxy_for_aws(url, "tool_001", AWS_SECRET_ACCESS_KEY="wrong")
            self.assertIn(words, "".join(traceback.format_exception(raised.exception)))

    def test_a_signature_does_not_replace_a_token(self) -> None:
        with self.assertRaises(Exception) as raised:
            self.account.by_proxy_for_aws(self.account.bearer_gateway, "tool_001")
        self.assertIn("Missing Bearer token", "".join(traceback.format_exception(raised.exception)))

    def test_boto3_invokes_a_runtime(self) -> None:
        runtime = self.emulator.control.list_agent_runtimes()["agentRuntimes"]
        arn = next(it["agentRuntimeArn"] for it in runtime if it["agentRuntimeName"] == "signed")
        for method, params, expected in [
            ("tools/list", {}, lambda result: [tool["name"] for tool in result["tools"]] == TOOLS),
            (
                "tools/call",
                {"name": "tool_002", "arguments": {}},
                lambda result: "tool_002 was called" in str(result["content"]),
            ),
        ]:
            answer = self.emulator.client("bedrock-agentcore").invoke_agent_runtime(
                agentRuntimeArn=arn,
                contentType="application/json",
                accept="application/json, text/event-stream",
                payload=json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}),
            )
            with self.subTest(method):
                body = json.loads(answer["response"].read())
                self.assertTrue(expected(body["result"]), body)

    def test_a_caller_may_ask_who_it_is(self) -> None:
        identity = self.emulator.client("sts").get_caller_identity()
        self.assertEqual(identity["Account"], "111122223333")
        self.assertRegex(identity["Arn"], r"^arn:aws:sts::111122223333:assumed-role/")

    def test_what_is_not_there_is_refused_in_words(self) -> None:
        for service, operation in [
            ("ec2", "describe_vpcs"),
            ("s3", "list_buckets"),
            ("dynamodb", "list_tables"),
            ("lambda", "list_functions"),
            ("sts", "get_session_token"),
            ("cloudformation", "list_stacks"),
            ("secretsmanager", "get_random_password"),
            ("bedrock-agentcore-control", "list_memories"),
        ]:
            with self.subTest(service), self.assertRaises(ClientError) as raised:
                getattr(self.emulator.client(service), operation)()
            self.assertRegex(str(raised.exception), "emulator has no service|name no operation")

    def test_the_documentation_names_the_versions(self) -> None:
        page = PAGE.read_text()
        for client, package, environment in [
            ("Python SDK (`mcp`)", "mcp", "mcp-2"),
            ("TypeScript SDK (`@modelcontextprotocol/client`)", "@modelcontextprotocol/client", ""),
            ("`mcp-proxy-for-aws`", "mcp-proxy-for-aws", "mcp-proxy-for-aws"),
            ("boto3", "boto3", "mcp-2"),
            ("AWS CLI", "awscli", "aws-cli"),
        ]:
            with self.subTest(client):
                self.assertIn(f"| {client} | {version(package, environment)} |", page)


if __name__ == "__main__":
    # The client logs a refusal that a test is after.
    logging.disable()
    ClientsTest.binary = sys.argv.pop()
    unittest.main()
