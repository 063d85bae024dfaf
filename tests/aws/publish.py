#!/usr/bin/env python3
"""Publishing, by the built program, to a moto server's S3.

    python3 tests/aws/publish.py target/debug/publish

Every test begins with an empty account and a checkout of its own that holds template.yaml, and publishes a function that
is no more than the head of an executable. Needs git, `moto[server]` and `boto3`; see `.ci/requirements.in`.
"""

import hashlib
import io
import json
import os
import pathlib
import re
import shutil
import socket
import sys
import threading
import time
import unittest
import zipfile

from publisher import KEYS, PREFIX, Publisher, error, executable

# Seconds that one of two publishers waits for the other.
MEETING_SECONDS_MAX = 60
# Longer than the function itself waits for an answer.
SLOW_UPLOAD_SECONDS = 32


class Publish(Publisher):
    # ---- uploads

    def test_code_and_template_are_uploaded_under_their_hashes(self):
        self.bucket("us-east-1")
        shown = self.publish("--param", "AgentDescription=Ours & theirs")
        self.assertEqual(shown.count("uploaded "), 3, shown)
        code, _, template = self.puts
        self.assertEqual((code[-4:], template[-5:]), (".zip", ".yaml"), "the code before what names it")
        self.assertEqual(self.templates(shown), [template])
        for key, content_type in [(code, "application/zip"), (template, "text/yaml")]:
            found = self.s3().get_object(Bucket=f"{PREFIX}-us-east-1", Key=key)
            body = found["Body"].read()
            self.assertEqual(hashlib.sha256(body).hexdigest(), pathlib.PurePath(key).stem)
            self.assertEqual(found["ContentType"], content_type)
            self.assertEqual(found["Metadata"], {"commit": self.git("rev-parse", "HEAD")})
            if key == code:
                with zipfile.ZipFile(io.BytesIO(body)) as archive:
                    (entry,) = archive.infolist()
                    self.assertEqual(entry.filename, "bootstrap")
                    self.assertEqual(entry.external_attr >> 16 & 0o777, 0o755)
                    self.assertEqual(archive.read(entry), executable(62))
            else:
                text = body.decode()
                self.assertRegex(text, rf"S3Bucket: {PREFIX}-us-east-1\n +S3Key: {code}\n")
                self.assertTrue(text.startswith(f"# Published from commit {self.git('rev-parse', 'HEAD')}"))

    def test_bill_of_materials_notices_and_checksums_are_uploaded_before_the_template(self):
        self.bucket("us-east-1")
        self.function()
        shown = self.publish()
        ends = [key.partition(".")[2] for key in self.puts]
        self.assertEqual(ends, ["zip", "cdx.json", "notices.txt", "SHA256SUMS", "yaml"])
        bodies = {}
        for key in self.puts:
            found = self.s3().get_object(Bucket=f"{PREFIX}-us-east-1", Key=key)
            folder, _, name = key.partition("/")
            self.assertEqual(folder, "agentcore-provisioner")
            bodies[name] = found["Body"].read()
            self.assertEqual(hashlib.sha256(bodies[name]).hexdigest(), name.partition(".")[0])
            self.assertEqual(found["Metadata"], {"commit": self.git("rev-parse", "HEAD")})
        code, sbom, notices, checksums, template = bodies
        sums = bodies[checksums].decode()
        self.assertIn(sums, shown)
        self.assertEqual([line.split("  ") for line in sums.splitlines()], [
            [hashlib.sha256(bodies[name]).hexdigest(), name] for name in [code, sbom, notices, template]
        ])
        component = json.loads(bodies[sbom])["metadata"]["component"]
        self.assertEqual(component["hashes"][0]["content"], hashlib.sha256(executable(62)).hexdigest())
        self.assertIn(b"\nitoa v1.", bodies[notices])
        for name in [sbom, notices]:
            self.assertIn(name, bodies[template].decode().partition("\n")[0])

    def test_every_region_gets_its_own(self):
        regions = ["us-east-1", "eu-west-1"]
        for region in regions:
            self.bucket(region)
        templates = self.templates(self.publish(regions=regions))
        self.assertEqual(len(set(templates)), 2, "they name different buckets")
        codes = set()
        for region, template in zip(regions, templates):
            code, _, last = self.versions(region)
            self.assertEqual(last, template)
            codes.add(code)
        self.assertEqual(len(codes), 1)

    def test_a_second_publication_uploads_nothing(self):
        self.bucket("us-east-1")
        first = self.publish()
        self.puts.clear()
        second = self.publish()
        self.assertEqual(self.puts, [], "not even tried")
        self.assertEqual(len(self.versions()), 3)
        self.assertEqual(second, first.replace("uploaded     ", "already there"))

    def test_another_commit_is_another_template_for_the_same_code(self):
        self.bucket("us-east-1")
        self.publish()
        (self.checkout / "more.txt").write_text("more", encoding="utf-8")
        self.commit("second")
        shown = self.publish()
        self.assertIn("already there", shown)
        ends = [pathlib.PurePath(key).suffix for key in self.versions()]
        self.assertEqual(ends, [".zip", ".SHA256SUMS", ".SHA256SUMS", ".yaml", ".yaml"])

    def test_two_publishers_at_once_do_no_harm(self):
        self.bucket("us-east-1")
        meeting, turn = threading.Barrier(2), threading.Lock()

        def meet(original, response):
            # Both publishers have seen that the name is free before either uploads.
            if response.parse_key_name().endswith(".zip"):
                meeting.wait(MEETING_SECONDS_MAX)
            with turn:
                return original()

        self.wrap("put_object", meet)
        shown = [self.end(process) for process in [self.start(), self.start()]]
        self.assertEqual(sum(key.endswith(".zip") for key in self.puts), 2)
        self.assertEqual(len(self.versions()), 3, "each object was stored once")
        self.assertEqual(self.templates(shown[0]), self.templates(shown[1]))
        outcomes = [re.findall("^(uploaded|already there) ", text, re.MULTILINE)[0] for text in shown]
        self.assertEqual(sorted(outcomes), ["already there", "uploaded"])

    def test_a_conflict_is_waited_for(self):
        self.bucket("us-east-1")
        conflicts = iter([True])

        def conflict(original, _):
            return error(409, "ConditionalRequestConflict") if next(conflicts, False) else original()

        self.wrap("put_object", conflict)
        self.assertEqual(self.publish().count("uploaded "), 3)

    def test_a_dry_run_makes_no_call(self):
        shown = self.publish("--dry-run", environment={})
        self.assertEqual(self.puts, [])
        self.assertEqual(shown.count("not uploaded"), 3)
        self.assertEqual(len(self.templates(shown)), 1)

    def test_a_bucket_that_not_everybody_can_read_is_pointed_out(self):
        self.bucket("us-east-1")

        def warns() -> bool:
            process = self.start()
            _, complaint = process.communicate()
            self.assertEqual(process.returncode, 0, complaint)
            return f"warning: not everybody can read bucket {PREFIX}-us-east-1" in complaint

        self.assertTrue(warns())
        resource = f"arn:aws:s3:::{PREFIX}-us-east-1/*"
        # S3 has no s3:HeadObject, which moto asks for.
        actions = ["s3:GetObject", "s3:HeadObject"]
        statement = {"Effect": "Allow", "Principal": "*", "Action": actions, "Resource": resource}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.s3().put_bucket_policy(Bucket=f"{PREFIX}-us-east-1", Policy=policy)
        self.assertFalse(warns())
        # A failure of S3 is not a reason to doubt the policy.
        self.wrap("head_object", lambda head, *_, headers: head() if headers.get("Authorization") else (503, {}, ""))
        self.assertFalse(warns())

    # ---- refusals

    def test_a_bucket_in_another_region_is_refused(self):
        self.bucket("us-east-1", actual="eu-west-1")
        sentence = self.refused()
        self.assertIn(f"bucket {PREFIX}-us-east-1 is in eu-west-1", sentence)
        self.assertIn("--bucket-prefix", sentence)
        # S3 itself redirects, where moto answers.
        self.wrap("head_bucket", lambda *_: (301, {"x-amz-bucket-region": "eu-west-1"}, ""))
        self.assertEqual(self.refused(), sentence)

    def test_a_missing_bucket_comes_with_the_command_that_makes_it(self):
        self.bucket("us-east-1")
        sentence = self.refused(regions=["us-east-1", "eu-west-1"])
        self.assertIn(f"aws s3 mb s3://{PREFIX}-eu-west-1 --region eu-west-1", sentence)

    def cli(self, script: str) -> dict[str, str]:
        """Returns an environment without keys whose AWS CLI is a shell script."""
        program = self.home / "bin" / "aws"
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        program.chmod(0o755)
        return {"PATH": f"{program.parent}:{os.environ['PATH']}"}

    def test_without_credentials_the_ways_to_give_them_are_named(self):
        sentence = self.refused(environment=self.cli("echo 'Unable to locate credentials' >&2; exit 253"))
        self.assertTrue(sentence.startswith("there are no AWS credentials (the AWS CLI says: Unable to"), sentence)
        self.assertIn("AWS_ACCESS_KEY_ID", sentence)

    def test_a_missing_or_old_cli_is_not_mistaken_for_missing_credentials(self):
        tools = self.home / "tools"
        tools.mkdir()
        (tools / "git").symlink_to(shutil.which("git"))
        sentence = self.refused(environment={"PATH": str(tools)})
        self.assertIn("in the environment, nor an AWS CLI", sentence)
        old = "aws: error: argument subcommand: Invalid choice, valid choices are:\n\nlist | get"
        sentence = self.refused(environment=self.cli(f"echo '{old}' >&2; exit 252"))
        self.assertIn("the AWS CLI is version 1", sentence)
        self.assertIn("sign in with version 2", sentence)

    def test_keys_may_end_with_a_line_break(self):
        self.bucket("us-east-1")
        keys = {"AWS_ACCESS_KEY_ID": "testing\n", "AWS_SECRET_ACCESS_KEY": " testing\r\n", "AWS_SESSION_TOKEN": "t\n"}
        self.assertEqual(self.publish(environment=keys).count("uploaded "), 3)

    def test_half_and_damaged_keys_are_named(self):
        for name in KEYS:
            (other,) = KEYS.keys() - {name}
            self.assertIn(f"{other} is set and {name} is not", self.refused(environment=KEYS | {name: ""}))
            self.assertIn(f"{name} holds a space", self.refused(environment=KEYS | {name: "two\nlines"}))

    def test_what_is_not_allowed_is_named(self):
        self.wrap("head_bucket", lambda *_: (403, {}, ""))
        sentence = self.refused()
        self.assertIn(f"access to bucket {PREFIX}-us-east-1 is denied", sentence)
        self.assertIn("or the access key is wrong", sentence)

    def test_a_denied_upload_names_the_permission(self):
        self.bucket("us-east-1")
        words = "User: u is not authorized to perform: kms:GenerateDataKey on resource: k"
        self.wrap("put_object", lambda *_: error(403, "AccessDenied", words))
        sentence = self.refused()
        self.assertIn(f"call s3:PutObject on bucket {PREFIX}-us-east-1: {words} (AccessDenied)", sentence)

    def test_what_s3_cannot_do_now_is_not_called_a_refusal(self):
        self.bucket("us-east-1")
        self.wrap("put_object", lambda *_: error(503, "SlowDown", "Please reduce your request rate."))
        sentence = self.refused()
        self.assertIn("failed at s3:PutObject: Please reduce your request rate. (SlowDown); publish again", sentence)

    def test_a_conflict_that_is_none_of_writers_is_not_waited_for(self):
        self.bucket("us-east-1")
        tries = []
        answer = error(409, "OperationAborted", "A conflicting operation is in progress.")
        self.wrap("put_object", lambda *_: (tries.append(1), answer)[1])
        self.assertIn("A conflicting operation is in progress. (OperationAborted)", self.refused())
        self.assertEqual(len(tries), 1)

    def test_an_ended_session_is_recognised(self):
        self.wrap("head_bucket", lambda *_: (400, {}, ""))
        self.assertIn("sign in again", self.refused())

    def test_no_answer_is_a_sentence_too(self):
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            sentence = self.refused("--endpoint-url", f"http://127.0.0.1:{nobody.getsockname()[1]}")
        self.assertTrue(sentence.startswith("S3 in us-east-1 gives no answer"), sentence)

    def test_another_content_under_the_name_is_not_taken_for_ours(self):
        self.bucket("us-east-1")
        self.publish()
        code = self.puts[0]
        length = self.s3().head_object(Bucket=f"{PREFIX}-us-east-1", Key=code)["ContentLength"]
        for content in [b"something else", bytes(length)]:
            self.s3().put_object(Bucket=f"{PREFIX}-us-east-1", Key=code, Body=content, ChecksumAlgorithm="SHA256")
            self.puts.clear()
            self.assertIn(f"{code} in bucket {PREFIX}-us-east-1 is not what its name says", self.refused())

    def test_a_name_taken_meanwhile_is_looked_at_too(self):
        self.bucket("us-east-1")

        def overtaken(original, response):
            if not response.headers.get("If-None-Match"):
                return original()
            key = response.parse_key_name()
            self.s3().put_object(Bucket=f"{PREFIX}-us-east-1", Key=key, Body=b"x", ChecksumAlgorithm="SHA256")
            return error(412, "PreconditionFailed")

        self.wrap("put_object", overtaken)
        process = self.start()
        _, complaint = process.communicate()
        self.assertEqual(process.returncode, 1, complaint)
        self.assertIn("is not what its name says", self.sentence(complaint))

    def test_a_taken_name_that_must_not_be_looked_at_is_not_taken_for_ours(self):
        self.bucket("us-east-1")
        self.wrap("head_object", lambda *_, **__: (403, {}, ""))
        self.wrap("put_object", lambda *_: error(412, "PreconditionFailed"))
        self.assertIn("must not be looked at; publish again when they are done, or grant s3:GetObject", self.refused())

    def test_a_slow_line_has_time_for_its_upload(self):
        self.bucket("us-east-1")
        tries = []

        def slow(original, response):
            if response.parse_key_name().endswith(".zip"):
                tries.append(1)
                time.sleep(SLOW_UPLOAD_SECONDS)
            return original()

        self.wrap("put_object", slow)
        self.publish()
        self.assertEqual(len(tries), 1)

    def test_a_folder_that_cannot_be_written_to_is_found_before_the_upload(self):
        self.bucket("us-east-1")
        sentence = self.refused("--output", str(self.bootstrap / "below-a-file"))
        self.assertIn("cannot be written: Not a directory", sentence)

    def test_links_that_cannot_be_shown_are_no_success(self):
        self.bucket("us-east-1")
        with open("/dev/full", "wb") as full:
            process = self.start("--dry-run", stdout=full)
            _, complaint = process.communicate()
            self.assertEqual(process.returncode, 1, complaint)
            self.assertIn("the output cannot be written: No space left", self.sentence(complaint))
            # A warning that nobody can read stops nothing.
            (self.checkout / "new.rs").touch()
            process = self.start("--dry-run", stderr=full)
            shown, _ = process.communicate()
            self.assertEqual((process.returncode, len(self.templates(shown))), (0, 1))

    def test_a_region_given_twice_or_misspelt_is_refused(self):
        self.assertIn("`--region us-east-1` is given twice", self.refused(regions=["us-east-1"] * 2))
        process = self.start("--dry-run", regions=["us-esat-1"])
        self.assertIn("is not a Region", process.communicate()[1])

    def test_a_dirty_tree_is_refused_with_the_names(self):
        self.bucket("us-east-1")
        (self.checkout / "forgotten.txt").touch()
        with (self.checkout / "template.yaml").open("a", encoding="utf-8") as template:
            template.write("# changed\n")
        sentence = self.refused()
        self.assertIn("template.yaml, forgotten.txt", sentence)

    def test_no_setting_of_git_hides_what_is_not_committed(self):
        template = self.checkout / "template.yaml"
        with self.subTest("ignored template"):
            (self.checkout / ".gitignore").write_text("ignored/\n", encoding="utf-8")
            self.commit("ignore")
            (self.checkout / "ignored").mkdir()
            shutil.copy(template, self.checkout / "ignored" / "t.yaml")
            self.assertIn(": ignored/t.yaml; commit", self.refused("--template-file", "ignored/t.yaml"))
        for flag in ["assume-unchanged", "skip-worktree"]:
            with self.subTest(flag):
                self.git("update-index", f"--{flag}", "template.yaml")
                self.assertIn(": template.yaml (hidden from git status); commit", self.refused())
                self.git("update-index", f"--no-{flag}", "template.yaml")
        with self.subTest("untracked files not shown"):
            self.git("config", "status.showUntrackedFiles", "no")
            (self.checkout / "new.rs").touch()
            self.assertIn(": new.rs; commit", self.refused())
            (self.checkout / "new.rs").unlink()
        with self.subTest("submodule ignored"):
            self.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(self.checkout), "sub")
            self.git("config", "-f", ".gitmodules", "submodule.sub.ignore", "all")
            self.commit("submodule")
            (self.checkout / "sub" / "template.yaml").write_text("changed", encoding="utf-8")
            self.assertIn(": sub; commit", self.refused())

    def test_a_checkout_of_somebody_else_comes_with_gits_advice(self):
        sentence = self.refused(environment=KEYS | {"GIT_TEST_ASSUME_DIFFERENT_OWNER": "1"})
        self.assertIn(f"git config --global --add safe.directory {self.checkout}; run this", sentence)

    def test_a_byte_order_mark_does_not_reach_cloudformation(self):
        self.bucket("us-east-1")
        template = self.checkout / "template.yaml"
        template.write_bytes(b"\xef\xbb\xbf" + template.read_bytes())
        self.commit("mark")
        (key,) = self.templates(self.publish())
        body = self.s3().get_object(Bucket=f"{PREFIX}-us-east-1", Key=key)["Body"].read()
        self.assertFalse(b"\xef\xbb\xbf" in body)

    def test_a_function_for_another_processor_is_refused(self):
        self.bucket("us-east-1")
        self.bootstrap.write_bytes(executable(183))
        self.assertIn("is built for arm64, and x86_64 is asked for", self.refused())


if __name__ == "__main__":
    if len(sys.argv) < 2 or not pathlib.Path(sys.argv[1]).is_file():
        sys.exit("usage: publish.py PATH_TO_THE_BUILT_PROGRAM [unittest options]")
    Publish.program = str(pathlib.Path(sys.argv.pop(1)).resolve())
    unittest.main(verbosity=2)
