#!/usr/bin/env python3
"""The precautions around an account: who may use a real one, and what is deleted at the end, in moto's account.

    python3 tests/aws/account_test.py
"""

import contextlib
import dataclasses
import io
import os
import pathlib
import pty
import signal
import subprocess
import sys
import unittest
from unittest import mock

import boto3
from botocore.exceptions import ClientError

import account
import leftovers
import moto_server
from account import Account, Refusal

FOLDER = pathlib.Path(__file__).resolve().parent
KINDS = [leftovers.RUNTIMES, leftovers.SECRETS]
# A run that creates a secret, says so, and waits for what happens to it.
RUN = """
import sys, time
import boto3
import leftovers
from account import Account
session = boto3.Session("testing", "testing", region_name="us-east-1")
account = Account(session, "123456789012", sys.argv[1], "role", ["image"], sys.argv[2])
with leftovers.deleted_at_the_end(account, [leftovers.SECRETS]):
    account.client("secretsmanager").create_secret(Name=f"{account.prefix}/one", SecretString="1")
    print("created", flush=True)
    time.sleep(60)
"""


def real() -> Account:
    """Returns an account that counts as real. Nothing calls it."""
    return Account(boto3.Session(region_name="eu-west-1"), "444455556666", None, "role", ["image"])


class ConfirmationTest(unittest.TestCase):
    def refused(self, call, *arguments) -> str:
        with self.assertRaises(Refusal) as raised:
            call(*arguments)
        return str(raised.exception)

    def test_a_script_without_a_terminal_never_uses_a_real_account(self):
        script = [sys.executable, FOLDER / "lifecycle.py", sys.executable, "--real-account"]
        terminal, stdin = pty.openpty()
        self.addCleanup(os.close, terminal)
        self.addCleanup(os.close, stdin)
        for name, given, variables in [
            ("no terminal", subprocess.DEVNULL, {}),
            ("a terminal in CI", stdin, {"CI": "true"}),
        ]:
            with self.subTest(name):
                environment = {key: value for key, value in os.environ.items() if key != "CI"} | variables
                # Nothing listens there: an attempt to reach AWS would be another sentence.
                environment |= {"HTTPS_PROXY": "http://127.0.0.1:9"}
                ended = subprocess.run(script, stdin=given, env=environment, capture_output=True, text=True, timeout=60)
                self.assertEqual(ended.returncode, 1)
                self.assertIn("here is nobody to answer it", ended.stderr)

    def test_only_the_accounts_own_id_confirms(self):
        for typed in ["", "y", "yes", "444455556667", "44445555666"]:
            with self.subTest(typed), mock.patch("builtins.input", return_value=typed):
                with contextlib.redirect_stdout(io.StringIO()):
                    sentence = self.refused(account.confirm, real(), "caller", "cost")
                self.assertIn("nothing was created", sentence)

    def test_the_question_names_account_region_caller_names_and_cost(self):
        shown = io.StringIO()
        given = real()
        with mock.patch("builtins.input", return_value="444455556666 "), contextlib.redirect_stdout(shown):
            account.confirm(given, "arn:caller", "It costs 1 USD.")
        for fact in ["444455556666", "eu-west-1", "arn:caller", given.prefix, "It costs 1 USD."]:
            self.assertIn(fact, shown.getvalue())

    def test_an_endpoint_elsewhere_is_refused(self):
        for url in [
            "https://sts.us-east-1.amazonaws.com",
            "http://10.0.0.1:4566",
            "http://127.0.0.1.example.com",
            "http://localhost.example.com:4566",
            "127.0.0.1:4566",
        ]:
            with self.subTest(url):
                self.assertIn("not on loopback", self.refused(account.check_loopback, url))
        for url in ["http://127.0.0.1:4566", "http://localhost:4566", "http://[::1]:4566"]:
            with self.subTest(url):
                account.check_loopback(url)

    def test_an_endpoint_in_the_environment_does_not_replace_aws(self):
        with mock.patch.dict(os.environ, {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}):
            client = real().client("secretsmanager")
        self.assertEqual(client.meta.endpoint_url, "https://secretsmanager.eu-west-1.amazonaws.com")


class LeftoversTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.account = cls.enterClassContext(moto_server.account())
        cls.secrets = cls.account.client("secretsmanager")

    def setUp(self):
        # A run of its own in the same account. moto shows everything at once.
        self.mine = dataclasses.replace(self.account, prefix=account.new_prefix())
        self.enterContext(mock.patch.object(leftovers, "QUIET_SECONDS_EMULATED", 0.3))
        self.shown = self.enterContext(contextlib.redirect_stdout(io.StringIO()))

    def create(self, prefix: str) -> None:
        self.secrets.create_secret(Name=f"{prefix}/one", SecretString="1")
        self.mine.client("bedrock-agentcore-control").create_agent_runtime(
            agentRuntimeName=f"{prefix}_one",
            roleArn=self.mine.role_arn,
            networkConfiguration={"networkMode": "PUBLIC"},
            agentRuntimeArtifact={"containerConfiguration": {"containerUri": self.mine.images[0]}},
        )

    def found(self, run: Account) -> list[int]:
        return [len(kind.find(run)) for kind in KINDS]

    def test_every_run_has_a_prefix_of_its_own(self):
        prefixes = {real().prefix for _ in range(100)}
        self.assertEqual(len(prefixes), 100)
        for prefix in prefixes:
            self.assertRegex(prefix, r"^check[0-9a-f]{10}$")

    def test_a_prefix_that_others_may_have_is_refused(self):
        for prefix in ["", "check", "check0123", "zscaler-mcp", "check0123456789x"]:
            with self.subTest(prefix), self.assertRaises(ValueError):
                dataclasses.replace(self.account, prefix=prefix)

    def test_what_the_run_created_is_deleted_however_it_ends(self):
        other = dataclasses.replace(self.account, prefix=account.new_prefix())
        self.create(other.prefix)
        for end in [None, KeyboardInterrupt(), AssertionError("failed")]:
            with self.subTest(repr(end)):
                with contextlib.suppress(KeyboardInterrupt, AssertionError):
                    with leftovers.deleted_at_the_end(self.mine, KINDS):
                        self.create(self.mine.prefix)
                        self.assertEqual(self.found(self.mine), [1, 1])
                        if end:
                            raise end
                self.assertEqual(self.found(self.mine), [0, 0])
                self.assertIn(f"nothing that begins with {self.mine.prefix} remains", self.shown.getvalue())
        self.assertEqual(self.found(other), [1, 1], "somebody else's")

    def test_a_secret_that_is_scheduled_for_deletion_is_deleted_too(self):
        self.create(self.mine.prefix)
        self.secrets.delete_secret(SecretId=f"{self.mine.prefix}/one")
        self.assertEqual(leftovers.sweep(self.mine, KINDS), [])
        with self.assertRaises(self.secrets.exceptions.ResourceNotFoundException):
            self.secrets.describe_secret(SecretId=f"{self.mine.prefix}/one")

    def test_a_resource_that_lists_show_late_is_deleted(self):
        lists = iter([[], [], ["late"]])
        deleted = []
        kind = leftovers.Kind("thing", lambda _: next(lists, []), lambda _, found: deleted.append(found))
        self.assertEqual(leftovers.sweep(self.mine, [kind]), [])
        self.assertEqual(deleted, ["late"])

    def test_what_cannot_be_deleted_or_listed_is_said(self):
        def denied(*_):
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not allowed"}}, "DeleteThing")

        kinds = [leftovers.Kind("thing", lambda _: ["a"], denied), leftovers.Kind("list", denied, denied)]
        self.enterContext(mock.patch.object(leftovers, "SECONDS_MAX", 0.5))
        with self.assertRaises(SystemExit) as raised:
            with leftovers.deleted_at_the_end(self.mine, [*kinds, *KINDS]):
                self.create(self.mine.prefix)
        self.assertEqual(raised.exception.code, 1)
        lines = self.shown.getvalue().splitlines()
        self.assertEqual([line.partition(": An error")[0] for line in lines], ["remains: thing a", "remains: perhaps a list"])
        self.assertEqual(self.found(self.mine), [0, 0], "the rest is still deleted")

    def test_signals_do_not_keep_a_run_from_deleting(self):
        for first in [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]:
            with self.subTest(first.name):
                command = [sys.executable, "-c", RUN, self.mine.endpoint_url, self.mine.prefix]
                pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
                process = subprocess.Popen(command, cwd=FOLDER, text=True, **pipes)
                self.assertEqual(process.stdout.readline(), "created\n")
                process.send_signal(first)
                # Somebody is impatient.
                while process.poll() is None:
                    process.send_signal(signal.SIGINT)
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(0.2)
                shown, complaint = process.communicate(timeout=60)
                self.assertIn("nothing that begins with", shown, complaint)
                self.assertEqual(self.found(self.mine), [0, 0])


if __name__ == "__main__":
    unittest.main(verbosity=2)
