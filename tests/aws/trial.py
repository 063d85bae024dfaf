"""Resources of a run, for a question about them. All of them are created with names of the run's own."""

import itertools
import json
import time
import urllib.parse
from collections.abc import Callable

import boto3
from botocore.exceptions import ClientError, ParamValidationError

from account import Account

# On platform version V2, a runtime is CREATING for about 3.5 minutes.
SECONDS_MAX = 900
NETWORK = {"networkMode": "PUBLIC"}
MCP = {"serverProtocol": "MCP"}
# An authorization server that nobody asks for anything.
ISSUER = "https://idp.example.com"
METADATA = {"issuer": ISSUER, "authorizationEndpoint": f"{ISSUER}/authorize", "tokenEndpoint": f"{ISSUER}/token"}
SCHEMA = json.dumps({"tools": [{"name": "tool", "description": "A tool.", "inputSchema": {"type": "object"}}]})


class Unanswered(Exception):
    """The reason why a question cannot be answered in this account."""


class Trial:
    """The account in which a question is asked."""

    def __init__(self, account: Account):
        self.account = account
        self.control = account.client("bedrock-agentcore-control")
        self.secrets = account.client("secretsmanager")
        self.logs = account.client("logs")
        self._numbers = itertools.count(1)

    def name(self, separator: str = "") -> str:
        """Returns a name that was not used before. Runtimes take no hyphen in it, and gateways no underscore."""
        return f"{self.account.prefix}{separator}{next(self._numbers)}"

    # ---- runtimes

    def request(self, **members) -> dict:
        """Returns the input of CreateAgentRuntime. No container is started for a runtime on platform version V1."""
        container = {"containerUri": self.account.images[0]}
        request = {
            "agentRuntimeName": self.name("_"),
            "agentRuntimeArtifact": {"containerConfiguration": container},
            "roleArn": self.account.role_arn,
            "networkConfiguration": NETWORK,
            "protocolConfiguration": MCP,
            "platformVersion": "V1",
        } | members
        return {member: value for member, value in request.items() if value is not None}

    def create_runtime(self, **members) -> str:
        """Creates a runtime and returns its id at once."""
        try:
            return self.control.create_agent_runtime(**self.request(**members))["agentRuntimeId"]
        except ParamValidationError as error:
            raise Unanswered(f"a newer boto3 than {boto3.__version__} is needed") from error

    def runtime(self, **members) -> dict:
        """Creates a runtime and returns it when it has left CREATING."""
        return self.settled_runtime(self.create_runtime(**members))

    def settled_runtime(self, runtime_id: str) -> dict:
        return settled(lambda: self.control.get_agent_runtime(agentRuntimeId=runtime_id))

    def delete_runtime(self, runtime_id: str) -> None:
        """Deletes a runtime and waits until it is not found."""
        self.control.delete_agent_runtime(agentRuntimeId=runtime_id)
        until(lambda: code(lambda: self.control.get_agent_runtime(agentRuntimeId=runtime_id)) == NOT_FOUND)

    def endpoint(self, runtime: dict) -> str:
        arn = urllib.parse.quote(runtime["agentRuntimeArn"], safe="")
        host = f"bedrock-agentcore.{self.account.region}.amazonaws.com"
        return f"https://{host}/runtimes/{arn}/invocations?qualifier=DEFAULT"

    def invoke(self, runtime: dict, method: str, **members) -> dict:
        """Sends a request to the server in a runtime. Returns the HTTP status, the error's code, and the JSON answer."""
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {}}
        try:
            answer = self.account.client("bedrock-agentcore").invoke_agent_runtime(
                agentRuntimeArn=runtime["agentRuntimeArn"],
                contentType="application/json",
                accept="application/json, text/event-stream",
                payload=json.dumps(request),
                **members,
            )
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            return {"status": status, "code": error.response["Error"]["Code"], "body": str(error)}
        return {"status": answer["statusCode"], "code": "", "body": answer["response"].read().decode()}

    # ---- gateways

    def gateway_request(self, **mcp) -> dict:
        """Returns the input of CreateGateway."""
        return {
            "name": self.name("-"),
            "roleArn": self.account.role_arn,
            "authorizerType": "AWS_IAM",
            "protocolType": "MCP",
            "protocolConfiguration": {"mcp": {"supportedVersions": ["2025-06-18"]} | mcp},
        }

    def gateway(self, request: dict) -> str:
        """Creates a gateway and returns its id when it is READY."""
        gateway_id = self.control.create_gateway(**request)["gatewayId"]
        self.settled_gateway(gateway_id)
        return gateway_id

    def target(self, gateway_id: str, credential: dict) -> dict:
        """Creates a target with a tool schema, and returns it when it has left CREATING."""
        target = self.control.create_gateway_target(
            gatewayIdentifier=gateway_id,
            name="target",
            targetConfiguration={
                "mcp": {
                    "mcpServer": {
                        "endpoint": self.endpoint(self.runtime()),
                        "mcpToolSchema": {"inlinePayload": SCHEMA},
                    }
                }
            },
            credentialProviderConfigurations=[credential],
        )
        names = {"gatewayIdentifier": gateway_id, "targetId": target["targetId"]}
        return settled(lambda: self.control.get_gateway_target(**names))

    def settled_gateway(self, gateway_id: str) -> None:
        """Waits until a gateway is READY."""
        gateway = settled(lambda: self.control.get_gateway(gatewayIdentifier=gateway_id))
        if gateway["status"] != "READY":
            raise Unanswered(f"a gateway ended in {gateway['status']}: {gateway.get('statusReasons')}")

    # ---- credential providers

    def provider(self, **config) -> dict:
        """Creates an OAuth2 credential provider and returns it."""
        return self.control.create_oauth2_credential_provider(
            name=self.name(),
            credentialProviderVendor="CustomOauth2",
            oauth2ProviderConfigInput={"customOauth2ProviderConfig": provider_config(**config)},
        )

    def secret(self) -> str:
        """Creates a secret with the JSON object `{"key": "value"}` and returns its ARN."""
        return self.secrets.create_secret(Name=self.name("/"), SecretString='{"key": "value"}')["ARN"]


NOT_FOUND = "ResourceNotFoundException"


def provider_config(**config) -> dict:
    """Returns the configuration of an OAuth2 client with the secret that `config` gives."""
    return {"oauthDiscovery": {"authorizationServerMetadata": METADATA}, "clientId": "client"} | config


def answer_to(call: Callable[[], object]) -> str:
    """Returns "accepted", or the code and the message of the error that a call returns."""
    try:
        call()
    except ClientError as error:
        return "{Code}: {Message}".format_map(error.response["Error"])
    return "accepted"


def code(call: Callable[[], object]) -> str:
    """Returns "accepted", or the code of the error."""
    return answer_to(call).partition(": ")[0]


def until(done: Callable[[], bool]) -> None:
    """Waits until something is the case."""
    end = time.monotonic() + SECONDS_MAX
    while not done():
        if time.monotonic() > end:
            raise Unanswered(f"nothing changed for {SECONDS_MAX} s")
        time.sleep(0.5)


def settled(get: Callable[[], dict]) -> dict:
    """Returns a resource when it has left its transitional states."""
    found: dict = {}

    def is_settled() -> bool:
        found.update(get())
        return not found["status"].endswith("ING")

    until(is_settled)
    return found
