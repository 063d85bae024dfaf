#!/usr/bin/env python3
"""The lifecycle of a secret and a runtime, by the built function, in the account of moto, of any emulator, or of AWS.

    python3 tests/aws/lifecycle.py target/debug/provisioner
    python3 tests/aws/lifecycle.py target/debug/provisioner --endpoint-url http://127.0.0.1:4566

The first is moto's account, the second an emulator's, and `--real-account` is AWS itself. Every test plays
CloudFormation's events from `events/` under names of its own, and checks with boto3 which resources exist. Needs
`moto[server]` and `boto3`; see `.ci/requirements.in`.
"""

import argparse
import contextlib
import copy
import itertools
import json
import pathlib
import sys
import time
import unittest
import uuid

import account
import leftovers
import moto_server
from account import Account
from function import Function

EVENTS = pathlib.Path(__file__).resolve().parents[2] / "events"
STACK_ID_TAG = "agentcore-provisioner:stack-id"
LOGICAL_ID_TAG = "agentcore-provisioner:logical-id"
AWKWARD = 'canary-"quotes"\\back\\slashes\n\ttabs, ümläute, 漢字 and \u2028'
CANARY = "canary"
LIST_SECONDS_MAX = 30
COST = """It creates about a dozen secrets and runtimes for minutes, and starts no container. By the published prices that is
less than 0.10 USD: secrets cost 0.40 USD a month each, and a runtime without sessions nothing."""


def after(previous: dict, request_type: str, physical_id: str, **properties) -> dict:
    """Returns the Update or Delete that follows an event."""
    following = copy.deepcopy(previous)
    following |= {"RequestType": request_type, "RequestId": str(uuid.uuid4()), "PhysicalResourceId": physical_id}
    following["ResourceProperties"] |= properties
    if request_type == "Update":
        following["OldResourceProperties"] = previous["ResourceProperties"]
    return following


class Lifecycle(unittest.TestCase):
    account: Account
    function: Function
    numbers = itertools.count()

    def setUp(self):
        # Below, the names of one test. No test needs an empty account.
        self.prefix = f"{self.account.prefix}n{next(self.numbers)}"
        self.secrets = self.account.client("secretsmanager")
        self.agentcore = self.account.client("bedrock-agentcore-control")

    def tearDown(self):
        self.assertNotIn(CANARY, self.function.log(), "a secret value was logged")

    def raw_event(self, name: str) -> dict:
        """Returns the event in `events/<name>.json` as a new request of a stack of this account and Region."""
        text = (EVENTS / f"{name}.json").read_text(encoding="utf-8")
        loaded = json.loads(text.replace("111122223333", self.account.id).replace("us-east-1", self.account.region))
        return loaded | {"RequestId": str(uuid.uuid4())}

    def event(self, name: str, **properties) -> dict:
        """Returns the event as this test's own, with some properties replaced."""
        loaded = self.raw_event(name)
        loaded["StackId"] = f"{loaded['StackId'].rpartition('/')[0]}/{uuid.uuid5(uuid.NAMESPACE_OID, self.prefix)}"
        given = loaded["ResourceProperties"]
        for key, separator in [("SecretName", "/"), ("ExistingSecretId", "/"), ("AgentRuntimeName", "_")]:
            if key in given:
                given[key] = f"{self.prefix}{separator}{given[key].rpartition('/')[2]}"
        given |= properties
        return loaded

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

    def secret_names(self) -> list[str]:
        """Returns the names of this test's secrets that are not being deleted."""
        listed = leftovers.pages(self.secrets, "list_secrets", "SecretList")
        return [secret["Name"] for secret in listed if secret["Name"].startswith(f"{self.prefix}/")]

    def assert_runtimes(self, *expected: str) -> None:
        """Waits until lists show the runtimes of these names as all of this test's. Lists lag behind."""
        end = time.monotonic() + LIST_SECONDS_MAX
        while True:
            listed = leftovers.pages(self.agentcore, "list_agent_runtimes", "agentRuntimes")
            names = (runtime["agentRuntimeName"] for runtime in listed)
            found = sorted(name for name in names if name.startswith(f"{self.prefix}_"))
            if found == sorted(expected) or time.monotonic() > end:
                return self.assertEqual(found, sorted(expected))
            time.sleep(0.2)

    def create_secret(self) -> tuple[dict, dict]:
        request = self.event("secret-create")
        request["ResourceProperties"]["Values"]["ZSCALER_CLIENT_SECRET"] = AWKWARD
        return request, self.succeed(request)

    def create_runtime(self, **properties) -> tuple[dict, dict]:
        _, secret = self.create_secret()
        given = {"SecretId": secret["Data"]["Arn"], "SecretVersionId": secret["Data"]["VersionId"]}
        given |= {"RoleArn": self.account.role_arn, "ContainerUri": self.account.images[0]}
        if self.account.is_real:
            # V2, which a new runtime may get otherwise, starts a container for every version.
            given["PlatformVersion"] = "V1"
        request = self.event("runtime-create", **given | properties)
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
        self.assertEqual(self.secret_names(), [request["ResourceProperties"]["SecretName"]])

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
        self.assertEqual(self.secret_names(), [])

    def test_a_strangers_secret_is_left_alone(self):
        request = self.event("secret-create")
        name = request["ResourceProperties"]["SecretName"]
        self.secrets.create_secret(Name=name, SecretString='{"theirs": "canary-theirs"}')
        answer = self.fail_(request)
        self.assertIn(name, answer["Reason"])
        self.succeed(after(request, "Delete", answer["PhysicalResourceId"]))
        self.assertEqual(self.value(name), {"theirs": "canary-theirs"})

    def test_an_existing_secret_is_verified_and_kept(self):
        request = self.event("secret-create-existing")
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
        self.assertEqual(live["protocolConfiguration"]["serverProtocol"], "MCP")
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
        self.assertTrue(data["McpUrl"].startswith(f"https://bedrock-agentcore.{self.account.region}.amazonaws.com/runtimes/arn%3A"))

    def test_a_runtime_updates_in_place(self):
        request, created = self.create_runtime()
        runtime_id = created["PhysicalResourceId"]
        image = self.account.images[-1]
        environment = {"AWS_REGION": self.account.region, "NEW": "value"}
        update = after(request, "Update", runtime_id, ContainerUri=image, EnvironmentVariables=environment)
        answer = self.succeed(update)
        self.assertEqual(answer["PhysicalResourceId"], runtime_id)
        self.assertEqual(answer["Data"]["AgentRuntimeVersion"], "2")
        live = self.agentcore.get_agent_runtime(agentRuntimeId=runtime_id)
        self.assertEqual(live["status"], "READY")
        self.assertEqual(live["agentRuntimeArtifact"]["containerConfiguration"]["containerUri"], image)
        self.assertEqual(live["environmentVariables"].get("NEW"), "value")
        self.assertNotIn("ZSCALER_MCP_PORT", live["environmentVariables"])
        self.assert_runtimes(request["ResourceProperties"]["AgentRuntimeName"])

    def test_a_new_secret_version_recycles_the_runtime(self):
        request, created = self.create_runtime()
        update = after(request, "Update", created["PhysicalResourceId"], SecretVersionId=str(uuid.uuid4()))
        self.assertEqual(self.succeed(update)["Data"]["AgentRuntimeVersion"], "2")

    def test_a_rename_replaces_the_runtime(self):
        request, created = self.create_runtime()
        renamed = f"{self.prefix}_renamed"
        update = after(request, "Update", created["PhysicalResourceId"], AgentRuntimeName=renamed)
        answer = self.succeed(update)
        self.assertNotEqual(answer["PhysicalResourceId"], created["PhysicalResourceId"])
        self.assert_runtimes(request["ResourceProperties"]["AgentRuntimeName"], renamed)
        self.succeed(after(request, "Delete", created["PhysicalResourceId"]))
        self.assert_runtimes(renamed)

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
            self.assert_runtimes()

    def test_an_invented_id_finds_nothing_to_delete(self):
        self.succeed(self.event("delete-after-failed-create"))
        self.assert_runtimes()

    # ---- bad events

    def test_bad_events_create_nothing(self):
        if self.account.is_real:
            self.skipTest("the names in these events are not the run's own")
        for path in sorted(EVENTS.glob("bad-*.json")):
            request = self.raw_event(path.stem)
            # An answer is impossible there, and its address must be the receiver's here. An event that is not
            # CloudFormation's has no address.
            if path.stem == "bad-response-url-not-https" or "ResponseURL" not in request:
                continue
            with self.subTest(path.stem):
                before = self.everything()
                answer = self.fail_(request)
                self.assertTrue(answer["Reason"])
                self.assertNotIn("`StackId`", answer["Reason"], "refused for what is right about it")
                self.assertEqual(self.everything(), before)

    def everything(self) -> list[str]:
        """Returns the identifiers of all secrets and runtimes of the account."""
        secrets = leftovers.pages(self.secrets, "list_secrets", "SecretList")
        runtimes = leftovers.pages(self.agentcore, "list_agent_runtimes", "agentRuntimes")
        return sorted([item["ARN"] for item in secrets] + [item["agentRuntimeArn"] for item in runtimes])


def main() -> None:
    parser = argparse.ArgumentParser(description="Runs the lifecycle of a secret and a runtime.")
    parser.add_argument("bootstrap", help="the built function")
    parser.add_argument("tests", nargs="*", help="names of tests, `Lifecycle.test_…`")
    account.add_arguments(parser, required=False)
    arguments = parser.parse_args()
    bootstrap = pathlib.Path(arguments.bootstrap).resolve()
    if not bootstrap.is_file():
        parser.error(f"there is no {bootstrap}")
    with contextlib.ExitStack() as stack:
        try:
            if arguments.endpoint_url or arguments.real_account:
                Lifecycle.account = account.choose(arguments, COST)
            else:
                Lifecycle.account = stack.enter_context(moto_server.account())
        except account.Refusal as refusal:
            sys.exit(f"error: {refusal}")
        stack.enter_context(leftovers.deleted_at_the_end(Lifecycle.account, [leftovers.RUNTIMES, leftovers.SECRETS]))
        Lifecycle.function = stack.enter_context(Function(str(bootstrap), Lifecycle.account))
        program = unittest.main(argv=[sys.argv[0], *arguments.tests], verbosity=2, exit=False)
    sys.exit(not program.result.wasSuccessful())


if __name__ == "__main__":
    main()
