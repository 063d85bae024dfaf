#!/usr/bin/env python3
"""The lifecycle of a secret and a runtime, by the built function, against a moto server.

    python3 tests/moto/lifecycle.py target/debug/provisioner

Every test begins with an empty account, plays CloudFormation's events from `events/`, and looks with boto3 at what
exists afterwards. Needs `moto[server]` and `boto3`; see `.ci/requirements.in`.
"""

import copy
import json
import pathlib
import sys
import unittest
import urllib.request
import uuid

import boto3

import moto_server
from function import ACCOUNT, REGION, Function

EVENTS = pathlib.Path(__file__).resolve().parents[2] / "events"
STACK_ID_TAG = "agentcore-provisioner:stack-id"
LOGICAL_ID_TAG = "agentcore-provisioner:logical-id"
AWKWARD = 'canary-"quotes"\\back\\slashes\n\ttabs, ümläute, 漢字 and \u2028'
CANARY = "canary"


def event(name: str, **properties) -> dict:
    """Returns the event in `events/<name>.json` as a new request, with some properties replaced."""
    loaded = json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))
    loaded["RequestId"] = str(uuid.uuid4())
    loaded["StackId"] = loaded["StackId"].replace("111122223333", ACCOUNT)
    loaded["ResourceProperties"] |= properties
    return loaded


def after(previous: dict, request_type: str, physical_id: str, **properties) -> dict:
    """Returns the Update or Delete that follows an event."""
    following = copy.deepcopy(previous)
    following |= {"RequestType": request_type, "RequestId": str(uuid.uuid4()), "PhysicalResourceId": physical_id}
    following["ResourceProperties"] |= properties
    if request_type == "Update":
        following["OldResourceProperties"] = previous["ResourceProperties"]
    return following


class Lifecycle(unittest.TestCase):
    bootstrap = ""

    @classmethod
    def setUpClass(cls):
        cls.server, cls.url = moto_server.start()
        cls.function = Function(cls.bootstrap, cls.url)
        keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
        session = boto3.Session(region_name=REGION, **keys)
        cls.secrets = session.client("secretsmanager", endpoint_url=cls.url)
        cls.agentcore = session.client("bedrock-agentcore-control", endpoint_url=cls.url)

    @classmethod
    def tearDownClass(cls):
        cls.function.stop()
        cls.server.stop()

    def setUp(self):
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/moto-api/reset", method="POST")).close()

    def tearDown(self):
        self.assertNotIn(CANARY, self.function.log(), "a secret value was logged")

    def succeed(self, request: dict) -> dict:
        answer = self.function.invoke(request)
        self.assertEqual(answer["Status"], "SUCCESS", answer.get("Reason"))
        self.assertNotIn(CANARY, json.dumps(answer))
        return answer

    def fail_(self, request: dict) -> dict:
        answer = self.function.invoke(request)
        self.assertEqual(answer["Status"], "FAILED", answer)
        self.assertNotIn(CANARY, json.dumps(answer))
        return answer

    def value(self, secret_id: str) -> dict:
        return json.loads(self.secrets.get_secret_value(SecretId=secret_id)["SecretString"])

    def runtimes(self) -> list:
        return self.agentcore.list_agent_runtimes()["agentRuntimes"]

    def create_secret(self) -> tuple[dict, dict]:
        request = event("secret-create")
        request["ResourceProperties"]["Values"]["ZSCALER_CLIENT_SECRET"] = AWKWARD
        return request, self.succeed(request)

    def create_runtime(self, **properties) -> tuple[dict, dict]:
        _, secret = self.create_secret()
        given = {"SecretId": secret["Data"]["Arn"], "SecretVersionId": secret["Data"]["VersionId"]} | properties
        request = event("runtime-create", RoleArn=f"arn:aws:iam::{ACCOUNT}:role/execution", **given)
        return request, self.succeed(request)

    # ---- secret

    def test_a_secret_is_created_with_its_value_intact(self):
        request, answer = self.create_secret()
        arn = answer["PhysicalResourceId"]
        wanted = request["ResourceProperties"]
        described = self.secrets.describe_secret(SecretId=arn)
        self.assertEqual(described["Name"], wanted["SecretName"])
        self.assertEqual(described["Description"], wanted["Description"])
        tags = {tag["Key"]: tag["Value"] for tag in described["Tags"]}
        self.assertEqual(tags[STACK_ID_TAG], request["StackId"])
        self.assertEqual(tags[LOGICAL_ID_TAG], request["LogicalResourceId"])
        value = self.value(arn)
        generated = value.pop("ZSCALER_MCP_AUTH_API_KEY")
        self.assertEqual(value, wanted["Values"])
        self.assertGreaterEqual(len(generated), 43, "32 random bytes in base64url")
        attributes = {"Arn": arn, "Name": wanted["SecretName"], "Ownership": "Managed"}
        self.assertEqual(answer["Data"] | attributes, answer["Data"])
        self.assertEqual(self.secrets.get_secret_value(SecretId=arn)["VersionId"], answer["Data"]["VersionId"])

    def test_a_secret_created_twice_is_one_secret(self):
        request, first = self.create_secret()
        again = self.succeed(request)
        self.assertEqual(again["PhysicalResourceId"], first["PhysicalResourceId"])
        self.assertEqual(again["Data"], first["Data"])
        self.assertEqual(len(self.secrets.list_secrets()["SecretList"]), 1)

    def test_an_update_keeps_generated_and_foreign_keys(self):
        request, created = self.create_secret()
        arn = created["PhysicalResourceId"]
        before = self.value(arn)
        self.secrets.put_secret_value(SecretId=arn, SecretString=json.dumps(before | {"FOREIGN": "canary-foreign"}))
        values = dict(request["ResourceProperties"]["Values"])
        del values["ZSCALER_VANITY_DOMAIN"]
        values |= {"ZSCALER_CLIENT_SECRET": "canary-rotated", "ZSCALER_CLOUD": "beta"}
        keys = ["ZSCALER_CLIENT_ID", "ZSCALER_MCP_AUTH_API_KEY"]
        update = after(request, "Update", arn, Values=values, RequiredKeys=keys, Description="Changed")
        answer = self.succeed(update)
        self.assertEqual(answer["PhysicalResourceId"], arn)
        self.assertNotEqual(answer["Data"]["VersionId"], created["Data"]["VersionId"])
        kept = {"FOREIGN": "canary-foreign", "ZSCALER_MCP_AUTH_API_KEY": before["ZSCALER_MCP_AUTH_API_KEY"]}
        self.assertEqual(self.value(arn), values | kept)
        self.assertEqual(self.secrets.describe_secret(SecretId=arn)["Description"], "Changed")

    def test_a_deleted_secret_is_restored_by_its_own_stack(self):
        request, created = self.create_secret()
        arn = created["PhysicalResourceId"]
        for _ in range(2):
            deleted = self.succeed(after(request, "Delete", arn))
            self.assertEqual(deleted["PhysicalResourceId"], arn)
        self.assertIn("DeletedDate", self.secrets.describe_secret(SecretId=arn))
        again, answer = self.create_secret()
        self.assertEqual(answer["PhysicalResourceId"], arn)
        self.assertNotIn("DeletedDate", self.secrets.describe_secret(SecretId=arn))
        self.assertEqual(self.value(arn)["ZSCALER_CLIENT_SECRET"], AWKWARD)

    def test_a_secret_deleted_without_recovery_is_gone(self):
        request, created = self.create_secret()
        self.succeed(after(request, "Delete", created["PhysicalResourceId"], RecoveryWindowInDays="0"))
        self.assertEqual(self.secrets.list_secrets()["SecretList"], [])

    def test_a_strangers_secret_is_left_alone(self):
        request = event("secret-create")
        name = request["ResourceProperties"]["SecretName"]
        self.secrets.create_secret(Name=name, SecretString='{"theirs": "canary-theirs"}')
        answer = self.fail_(request)
        self.assertIn(name, answer["Reason"])
        self.succeed(after(request, "Delete", answer["PhysicalResourceId"]))
        self.assertEqual(self.value(name), {"theirs": "canary-theirs"})

    def test_an_existing_secret_is_verified_and_kept(self):
        request = event("secret-create-existing")
        name = request["ResourceProperties"]["ExistingSecretId"]
        self.assertIn("no such secret", self.fail_(request)["Reason"])
        value = {"ZSCALER_CLIENT_ID": "id", "ZSCALER_PRIVATE_KEY": "canary-key", "ZSCALER_VANITY_DOMAIN": "acme"}
        self.secrets.create_secret(Name=name, SecretString=json.dumps(value))
        self.assertIn("ZSCALER_CUSTOMER_ID", self.fail_(request)["Reason"])
        value["ZSCALER_CUSTOMER_ID"] = "216199618143191040"
        self.secrets.put_secret_value(SecretId=name, SecretString=json.dumps(value))
        answer = self.succeed(request)
        self.assertEqual(answer["Data"]["Ownership"], "Existing")
        self.succeed(after(request, "Delete", answer["PhysicalResourceId"]))
        described = self.secrets.describe_secret(SecretId=name)
        self.assertNotIn("DeletedDate", described)
        self.assertFalse(described.get("Tags"))

    # ---- runtime

    def test_a_runtime_is_created_and_ready(self):
        request, answer = self.create_runtime()
        wanted = request["ResourceProperties"]
        live = self.agentcore.get_agent_runtime(agentRuntimeId=answer["PhysicalResourceId"])
        self.assertEqual(live["status"], "READY")
        self.assertEqual(live["agentRuntimeName"], wanted["AgentRuntimeName"])
        self.assertEqual(live["roleArn"], wanted["RoleArn"])
        container = live["agentRuntimeArtifact"]["containerConfiguration"]
        self.assertEqual(container["containerUri"], wanted["ContainerUri"])
        self.assertEqual(live["networkConfiguration"], {"networkMode": "PUBLIC"})
        self.assertEqual(live["protocolConfiguration"], {"serverProtocol": "MCP"})
        self.assertNotIn("authorizerConfiguration", live)
        headers = live["requestHeaderConfiguration"]["requestHeaderAllowlist"]
        self.assertEqual(sorted(headers), sorted(wanted["RequestHeaders"]))
        name = self.secrets.describe_secret(SecretId=wanted["SecretId"])["Name"]
        environment = wanted["EnvironmentVariables"] | {"ZSCALER_SECRET_NAME": name}
        self.assertEqual(live["environmentVariables"] | environment, live["environmentVariables"])
        self.assertNotIn(CANARY, json.dumps(live, default=str))
        tags = self.agentcore.list_tags_for_resource(resourceArn=live["agentRuntimeArn"])["tags"]
        self.assertEqual(tags[STACK_ID_TAG], request["StackId"])
        self.assertEqual(tags[LOGICAL_ID_TAG], request["LogicalResourceId"])
        data = answer["Data"]
        self.assertEqual(data["AgentRuntimeId"], answer["PhysicalResourceId"])
        self.assertEqual(data["AgentRuntimeArn"], live["agentRuntimeArn"])
        self.assertTrue(data["McpUrl"].startswith("https://bedrock-agentcore.us-east-1.amazonaws.com/runtimes/arn%3A"))

    def test_a_runtime_updates_in_place(self):
        request, created = self.create_runtime()
        runtime_id = created["PhysicalResourceId"]
        image = request["ResourceProperties"]["ContainerUri"].replace("1.4.0", "1.5.0")
        environment = {"AWS_REGION": REGION, "NEW": "value"}
        update = after(request, "Update", runtime_id, ContainerUri=image, EnvironmentVariables=environment)
        answer = self.succeed(update)
        self.assertEqual(answer["PhysicalResourceId"], runtime_id)
        self.assertEqual(answer["Data"]["AgentRuntimeVersion"], "2")
        live = self.agentcore.get_agent_runtime(agentRuntimeId=runtime_id)
        self.assertEqual(live["status"], "READY")
        self.assertEqual(live["agentRuntimeArtifact"]["containerConfiguration"]["containerUri"], image)
        self.assertEqual(live["environmentVariables"].get("NEW"), "value")
        self.assertNotIn("ZSCALER_MCP_PORT", live["environmentVariables"])
        self.assertEqual(len(self.runtimes()), 1)

    def test_a_new_secret_version_recycles_the_runtime(self):
        request, created = self.create_runtime()
        update = after(request, "Update", created["PhysicalResourceId"], SecretVersionId=str(uuid.uuid4()))
        self.assertEqual(self.succeed(update)["Data"]["AgentRuntimeVersion"], "2")

    def test_a_rename_replaces_the_runtime(self):
        request, created = self.create_runtime()
        update = after(request, "Update", created["PhysicalResourceId"], AgentRuntimeName="mcp_renamed")
        answer = self.succeed(update)
        self.assertNotEqual(answer["PhysicalResourceId"], created["PhysicalResourceId"])
        self.assertEqual(len(self.runtimes()), 2)
        self.succeed(after(request, "Delete", created["PhysicalResourceId"]))
        self.assertEqual([runtime["agentRuntimeName"] for runtime in self.runtimes()], ["mcp_renamed"])

    def test_credentials_go_into_the_environment_when_asked_for(self):
        _, answer = self.create_runtime(CredentialDelivery="EnvironmentVariables")
        live = self.agentcore.get_agent_runtime(agentRuntimeId=answer["PhysicalResourceId"])
        self.assertEqual(live["environmentVariables"]["ZSCALER_CLIENT_SECRET"], AWKWARD)
        self.assertNotIn("ZSCALER_SECRET_NAME", live["environmentVariables"])

    def test_a_runtime_is_deleted_once_and_for_all(self):
        request, created = self.create_runtime()
        for _ in range(2):
            answer = self.succeed(after(request, "Delete", created["PhysicalResourceId"]))
            self.assertEqual(answer["PhysicalResourceId"], created["PhysicalResourceId"])
            self.assertEqual(self.runtimes(), [])

    def test_an_invented_id_finds_nothing_to_delete(self):
        self.succeed(event("delete-after-failed-create"))
        self.assertEqual(self.runtimes(), [])

    # ---- bad events

    def test_bad_events_create_nothing(self):
        for path in sorted(EVENTS.glob("bad-*.json")):
            request = json.loads(path.read_text(encoding="utf-8"))
            # An answer is impossible there, and its address must be the receiver's here. An event that is not
            # CloudFormation's has no address.
            if path.stem == "bad-response-url-not-https" or "ResponseURL" not in request:
                continue
            with self.subTest(path.stem):
                answer = self.fail_(request)
                self.assertTrue(answer["Reason"])
        self.assertEqual(self.secrets.list_secrets()["SecretList"], [])
        self.assertEqual(self.runtimes(), [])


if __name__ == "__main__":
    if len(sys.argv) < 2 or not pathlib.Path(sys.argv[1]).is_file():
        sys.exit("usage: lifecycle.py PATH_TO_THE_BUILT_FUNCTION [unittest options]")
    Lifecycle.bootstrap = str(pathlib.Path(sys.argv.pop(1)).resolve())
    unittest.main(verbosity=2)
