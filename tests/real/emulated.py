"""The emulated account of `local emulate`, with runtimes and gateways in it."""

import os
import subprocess
import time
import urllib.parse
from collections.abc import Mapping

import boto3

IMAGE = "111122223333.dkr.ecr.us-east-1.amazonaws.com/team/server:1"
REVISIONS = ["2025-06-18", "2025-11-25", "2026-07-28"]
NEWEST = REVISIONS[-1]


class Emulator:
    """A running `local emulate`, and what it printed."""

    def __init__(self, binary: str, *arguments: str) -> None:
        command = [binary, "emulate", "--port", "0", "--latency", "100ms", "--start-latency", "100ms", *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.exports: dict[str, str] = {}
        for line in self.process.stdout:
            if line.startswith("export "):
                name, _, value = line.removeprefix("export ").strip().partition("=")
                self.exports[name] = value.strip("'")
            if "Ctrl-C" in line:
                break
        self.endpoint = self.exports["AWS_ENDPOINT_URL"]
        self.region = self.exports["AWS_REGION"]
        self.control = self.client("bedrock-agentcore-control")

    def __getitem__(self, name: str) -> str:
        return self.exports[name]

    def client(self, service: str):
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=self.region,
            aws_access_key_id=self["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=self["AWS_SESSION_TOKEN"],
        )

    def environment(self, **more: str) -> dict[str, str]:
        """Returns the environment of a process that uses the account, with the printed variables and no others of AWS."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        certificates = dict.fromkeys(
            ["AWS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE"], self["SSL_CERT_FILE"]
        )
        # Without a proxy to loopback, where AWS_ENDPOINT_URL leads.
        return {**own, **self.exports, **certificates, "NO_PROXY": "127.0.0.1,localhost", **more}

    def authorizer(self) -> dict:
        """Returns the configuration of a runtime or gateway that takes the identity provider's tokens."""
        return {
            "customJWTAuthorizer": {
                "discoveryUrl": self["IDP_DISCOVERY_URL"],
                "allowedAudience": [self["IDP_AUDIENCE"]],
                "allowedClients": [self["IDP_CLIENT_ID"]],
                "allowedScopes": [self["IDP_SCOPE"]],
            }
        }

    def runtime(self, name: str, **more: Mapping) -> str:
        """Creates a runtime and returns the URL at which it is invoked."""
        runtime = self.control.create_agent_runtime(
            agentRuntimeName=name,
            agentRuntimeArtifact={"containerConfiguration": {"containerUri": IMAGE}},
            roleArn=self["ROLE_ARN"],
            networkConfiguration={"networkMode": "PUBLIC"},
            protocolConfiguration={"serverProtocol": "MCP"},
            **more,
        )
        wait(self.control.get_agent_runtime, agentRuntimeId=runtime["agentRuntimeId"])
        arn = urllib.parse.quote(runtime["agentRuntimeArn"], safe="")
        return f"https://bedrock-agentcore.{self.region}.amazonaws.com/runtimes/{arn}/invocations?qualifier=DEFAULT"

    def gateway(self, name: str, **authorization: str | Mapping) -> tuple[str, str]:
        """Creates a gateway and returns its id and URL."""
        gateway = self.control.create_gateway(
            name=name,
            roleArn=self["ROLE_ARN"],
            protocolType="MCP",
            protocolConfiguration={"mcp": {"supportedVersions": REVISIONS}},
            **authorization,
        )
        wait(self.control.get_gateway, gatewayIdentifier=gateway["gatewayId"])
        return gateway["gatewayId"], gateway["gatewayUrl"]

    def target(self, gateway: str, name: str, url: str, kind: str, credential: Mapping) -> None:
        """Puts a gateway in front of a runtime."""
        target = self.control.create_gateway_target(
            gatewayIdentifier=gateway,
            name=name,
            targetConfiguration={"mcp": {"mcpServer": {"endpoint": url}}},
            credentialProviderConfigurations=[{"credentialProviderType": kind, "credentialProvider": credential}],
        )
        names = {"gatewayIdentifier": gateway, "targetId": target["targetId"]}
        target = wait(self.control.get_gateway_target, **names)
        assert target["status"] == "READY", target

    def signed_target(self, gateway: str, name: str, url: str) -> None:
        """Puts a gateway in front of a runtime, whose requests the gateway signs."""
        credential = {"iamCredentialProvider": {"service": "bedrock-agentcore"}}
        self.target(gateway, name, url, "GATEWAY_IAM_ROLE", credential)

    def oauth2_provider(self, name: str) -> str:
        """Creates the OAuth2 client of a gateway and returns its ARN."""
        config = {
            "oauthDiscovery": {"discoveryUrl": self["IDP_DISCOVERY_URL"]},
            "clientId": self["IDP_CLIENT_ID"],
            "clientSecret": self["IDP_CLIENT_SECRET"],
        }
        return self.control.create_oauth2_credential_provider(
            name=name,
            credentialProviderVendor="CustomOauth2",
            oauth2ProviderConfigInput={"customOauth2ProviderConfig": config},
        )["credentialProviderArn"]

    def bearer_target(self, gateway: str, name: str, url: str, provider: str) -> None:
        """Puts a gateway in front of a runtime, for which the gateway gets a token."""
        credential = {"oauthCredentialProvider": {"providerArn": provider, "scopes": [self["IDP_SCOPE"]]}}
        self.target(gateway, name, url, "OAUTH", credential)

    def __enter__(self) -> "Emulator":
        return self

    def __exit__(self, *_) -> None:
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()


def wait(get, **names: str) -> dict:
    """Waits until a resource leaves its transitional states, and returns it."""
    for _ in range(100):
        answer = get(**names)
        if not answer["status"].endswith("ING"):
            return answer
        time.sleep(0.1)
    raise AssertionError(f"{names} stays {answer['status']}")
