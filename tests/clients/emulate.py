#!/usr/bin/env python3
"""The emulated account of `local emulate`, by clients that share no code with this project.

    python3 tests/clients/emulate.py target/debug/local

boto3 creates a runtime and a gateway that take tokens, and the official MCP client for Python gets a token from the
emulated identity provider, lists the tools and calls one, in the newest revision and in one with a handshake. Needs
`boto3` and `mcp`; see `.ci/requirements.in` and `.ci/clients.in`.
"""

import asyncio
import logging
import ssl
import subprocess
import sys
import time
import traceback
import unittest
import urllib.parse

import boto3
import httpx2
from botocore.exceptions import ClientError
from mcp import Client
from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider
from mcp.client.streamable_http import streamable_http_client

IMAGE = "111122223333.dkr.ecr.us-east-1.amazonaws.com/team/server:1"
NEWEST = "2026-07-28"


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


class Emulator:
    """A running `local emulate`, and what it printed."""

    def __init__(self, binary: str) -> None:
        command = [binary, "emulate", "--port", "0", "--latency", "100ms", "--start-latency", "100ms"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.exports = {}
        for line in self.process.stdout:
            if line.startswith("export "):
                name, _, value = line.removeprefix("export ").strip().partition("=")
                self.exports[name] = value.strip("'")
            if "Ctrl-C" in line:
                break
        self.endpoint = self.exports["AWS_ENDPOINT_URL"]

    def __getitem__(self, name: str) -> str:
        return self.exports[name]

    def client(self, service: str):
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=self["AWS_REGION"],
            aws_access_key_id=self["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=self["AWS_SESSION_TOKEN"],
        )

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()


def wait(get, **names):
    """Waits until a resource leaves its transitional states, and returns it."""
    for _ in range(100):
        answer = get(**names)
        if not answer["status"].endswith("ING"):
            return answer
        time.sleep(0.1)
    raise AssertionError(f"nothing becomes of {names}")


class EmulateTest(unittest.TestCase):
    binary = ""

    @classmethod
    def setUpClass(cls) -> None:
        cls.emulator = Emulator(cls.binary)
        cls.addClassCleanup(cls.emulator.stop)
        cls.control = cls.emulator.client("bedrock-agentcore-control")
        authorizer = {
            "customJWTAuthorizer": {
                "discoveryUrl": cls.emulator["IDP_DISCOVERY_URL"],
                "allowedAudience": [cls.emulator["IDP_AUDIENCE"]],
                "allowedClients": [cls.emulator["IDP_CLIENT_ID"]],
                "allowedScopes": [cls.emulator["IDP_SCOPE"]],
            }
        }
        cls.bearer = cls.runtime("bearer", {"authorizerConfiguration": authorizer})
        cls.signed = cls.runtime("signed", {})
        gateway = cls.control.create_gateway(
            name="tools",
            roleArn=cls.emulator["ROLE_ARN"],
            protocolType="MCP",
            authorizerType="CUSTOM_JWT",
            authorizerConfiguration=authorizer,
            protocolConfiguration={"mcp": {"supportedVersions": ["2025-06-18", "2025-11-25", NEWEST]}},
        )
        cls.gateway_id, cls.gateway_url = gateway["gatewayId"], gateway["gatewayUrl"]
        wait(cls.control.get_gateway, gatewayIdentifier=cls.gateway_id)
        iam = {"iamCredentialProvider": {"service": "bedrock-agentcore"}}
        oauth = {"oauthCredentialProvider": {"providerArn": cls.provider(), "scopes": [cls.emulator["IDP_SCOPE"]]}}
        for name, url, kind, credential in [
            ("signed", cls.signed, "GATEWAY_IAM_ROLE", iam),
            ("bearer", cls.bearer, "OAUTH", oauth),
        ]:
            target = cls.target(name, url, {"credentialProviderType": kind, "credentialProvider": credential})
            assert target["status"] == "READY", target

    @classmethod
    def runtime(cls, name: str, more: dict) -> str:
        """Creates a runtime and returns the URL at which it is invoked."""
        runtime = cls.control.create_agent_runtime(
            agentRuntimeName=name,
            agentRuntimeArtifact={"containerConfiguration": {"containerUri": IMAGE}},
            roleArn=cls.emulator["ROLE_ARN"],
            networkConfiguration={"networkMode": "PUBLIC"},
            protocolConfiguration={"serverProtocol": "MCP"},
            **more,
        )
        wait(cls.control.get_agent_runtime, agentRuntimeId=runtime["agentRuntimeId"])
        arn = urllib.parse.quote(runtime["agentRuntimeArn"], safe="")
        return f"https://bedrock-agentcore.us-east-1.amazonaws.com/runtimes/{arn}/invocations?qualifier=DEFAULT"

    @classmethod
    def provider(cls) -> str:
        """Creates the OAuth2 client of the gateway and returns its ARN."""
        config = {
            "oauthDiscovery": {"discoveryUrl": cls.emulator["IDP_DISCOVERY_URL"]},
            "clientId": cls.emulator["IDP_CLIENT_ID"],
            "clientSecret": cls.emulator["IDP_CLIENT_SECRET"],
        }
        return cls.control.create_oauth2_credential_provider(
            name="idp",
            credentialProviderVendor="CustomOauth2",
            oauth2ProviderConfigInput={"customOauth2ProviderConfig": config},
        )["credentialProviderArn"]

    @classmethod
    def target(cls, name: str, url: str, credential: dict) -> dict:
        """Puts the gateway in front of a runtime."""
        target = cls.control.create_gateway_target(
            gatewayIdentifier=cls.gateway_id,
            name=name,
            targetConfiguration={"mcp": {"mcpServer": {"endpoint": url}}},
            credentialProviderConfigurations=[credential],
        )
        names = {"gatewayIdentifier": cls.gateway_id, "targetId": target["targetId"]}
        return wait(cls.control.get_gateway_target, **names)

    def use(self, url: str, tool: str, mode: str, secret: str = "") -> tuple[str, list[str], str]:
        """Lists the tools and calls one. Returns the revision, the tools and what the tool said."""

        async def session() -> tuple[str, list[str], str]:
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
                    tools = await client.list_tools()
                    answer = await client.call_tool(tool, {})
                    names = [tool.name for tool in tools.tools]
                    return client.protocol_version, names, answer.content[0].text

        return asyncio.run(session())

    def test_a_runtime_takes_the_token_of_the_identity_provider(self) -> None:
        for mode, revision in [("auto", NEWEST), ("legacy", "2025-11-25")]:
            with self.subTest(mode):
                used = self.use(self.bearer, "tool_002", mode)
                self.assertEqual(used, (revision, ["tool_001", "tool_002", "tool_003"], "tool_002 was called"))

    def test_a_gateway_takes_it_and_calls_the_runtimes_behind_it(self) -> None:
        targets = ["signed", "bearer"]
        names = [f"{target}___tool_00{number}" for target in targets for number in (1, 2, 3)]
        for mode, revision in [("auto", NEWEST), ("legacy", "2025-11-25")]:
            for target in targets:
                with self.subTest(mode, target=target):
                    used = self.use(self.gateway_url, f"{target}___tool_002", mode)
                    self.assertEqual(used, (revision, names, "tool_002 was called"))

    def test_a_wrong_client_secret_opens_nothing(self) -> None:
        with self.assertRaises(Exception) as raised:
            self.use(self.bearer, "tool_001", "auto", secret="wrong")
        self.assertIn("invalid_client", "".join(traceback.format_exception(raised.exception)))

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


if __name__ == "__main__":
    # The client logs a refusal that a test is after.
    logging.disable()
    EmulateTest.binary = sys.argv.pop()
    unittest.main()
