"""A moto server on loopback: an AWS for the lifecycle test that shares no code with this project's own emulator.

moto's AgentCore control plane departs from the service in ways that the provisioner rightly does not expect. Four of
them are corrected here, because they break every lifecycle:

- A runtime's id is random. It begins with the runtime's name, and its ARN reads `runtime/<id>`.
- A runtime that was updated stays UPDATING permanently. UPDATING ends in READY, as CREATING does.
- Every version has an ARN of its own, so that the tags, which hang on the ARN, are lost with the first update. A
  runtime keeps its ARN.
- GetAgentRuntime omits requireMMDSV2, which is on for every runtime created since February 2026.

The others are left as they are, and no test depends on them:

- Client tokens are ignored: a repeated CreateAgentRuntime creates a second runtime of the same name, which is allowed.
- DeleteAgentRuntime takes effect at once and in any state; DELETING is never seen.
- UpdateAgentRuntime keeps omitted optional members. The service replaces everything.
- Values are not validated: neither names nor patterns, lengths or roles.
"""

import contextlib
import logging
from collections.abc import Iterator

import boto3
from moto.bedrockagentcorecontrol import models, responses
from moto.moto_api import state_manager
from moto.moto_api._internal import mock_random
from moto.server import ThreadedMotoServer

from account import IMAGES, Account

# The account's id.
ID = "123456789012"
# Reads after which a runtime leaves CREATING or UPDATING, so that the provisioner has to wait.
READS_IN_TRANSITION = 3


def _correct_runtimes() -> None:
    create, update = models.AgentRuntime.__init__, models.AgentRuntime.update
    read = responses.BedrockAgentCoreControlResponse.get_agent_runtime

    def corrected_create(self, *args, **kwargs):
        create(self, *args, **kwargs)
        self._transitions = [*self._transitions, ("UPDATING", "READY")]
        self.agent_runtime_id = f"{self.agent_runtime_name}-{mock_random.get_random_hex(10)}"
        prefix, _, _ = self.agent_runtime_arn.partition(":agent/")
        self.versioned_arn, self.agent_runtime_arn = self.agent_runtime_arn, f"{prefix}:runtime/{self.agent_runtime_id}"

    def corrected_update(self, *args, **kwargs):
        stable_arn, self.agent_runtime_arn = self.agent_runtime_arn, self.versioned_arn
        update(self, *args, **kwargs)
        self.versioned_arn, self.agent_runtime_arn = self.agent_runtime_arn, stable_arn

    def corrected_read(self):
        answer = read(self)
        answer.result["metadataConfiguration"] = {"requireMMDSV2": True}
        return answer

    models.AgentRuntime.__init__ = corrected_create
    models.AgentRuntime.update = corrected_update
    responses.BedrockAgentCoreControlResponse.get_agent_runtime = corrected_read


def start() -> tuple[ThreadedMotoServer, str]:
    """Starts the server on a free port. Returns it and its address; the caller stops it."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    _correct_runtimes()
    transition = {"progression": "manual", "times": READS_IN_TRANSITION}
    state_manager.set_transition("bedrock-agentcore-control::agent_runtime", transition)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    return server, f"http://{host}:{port}"


@contextlib.contextmanager
def account() -> Iterator[Account]:
    """Starts a server and yields its account."""
    server, url = start()
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "aws_session_token": "testing"}
    try:
        yield Account(
            session=boto3.Session(region_name="us-east-1", **keys),
            id=ID,
            endpoint_url=url,
            role_arn=f"arn:aws:iam::{ID}:role/execution",
            images=IMAGES,
        )
    finally:
        server.stop()
