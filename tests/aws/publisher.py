"""The built program that publishes, with a checkout of its own and a moto server's S3, for the tests in publish.py."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest
import urllib.request
from unittest import mock
from urllib.parse import parse_qs, urlsplit

import boto3
from moto.s3.responses import S3Response

import moto_server

ROOT = pathlib.Path(__file__).resolve().parents[2]
# The folders of cargo and rustup, which look below HOME by default.
RUST = {
    name: os.environ.get(name, str(pathlib.Path.home() / folder))
    for name, folder in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")]
}
KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
PREFIX = "acme-mcp"


def executable(machine: int) -> bytes:
    """Returns the head of an ELF file for a processor (62: x86_64) that needs no library."""
    return b"\x7fELF\x02\x01\x01".ljust(16, b"\0") + bytes([2, 0, machine, 0]) + bytes(44)


def error(status: int, code: str, message: str = "later") -> tuple[int, dict, str]:
    """Returns an error answer of S3."""
    return status, {}, f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"


class Publisher(unittest.TestCase):
    program = ""

    @classmethod
    def setUpClass(cls):
        cls.server, cls.url = moto_server.start()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def setUp(self):
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/moto-api/reset", method="POST")).close()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.home = pathlib.Path(folder.name)
        self.checkout = self.home / "checkout"
        self.checkout.mkdir()
        self.bootstrap = self.home / "bootstrap"
        self.bootstrap.write_bytes(executable(62))
        shutil.copy(ROOT / "template.yaml", self.checkout)
        self.git("init", "--quiet")
        self.commit("first")
        self.puts = []
        self.wrap("put_object", lambda original, response: (self.puts.append(response.parse_key_name()), original())[1])

    def git(self, *arguments: str) -> str:
        identity = ["-c", "user.name=T", "-c", "user.email=t@example.com"]
        command = ["git", "-C", self.checkout, *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def function(self):
        """Adds the sources of a function to the checkout. The function needs one crate of the workspace."""
        locked = (ROOT / "Cargo.lock").read_text(encoding="utf-8").split("\n\n")
        (itoa,) = (package for package in locked if 'name = "itoa"' in package)
        own = '[[package]]\nname = "agentcore-provisioner"\nversion = "1.2.3"\ndependencies = [\n "itoa",\n]'
        package = '[package]\nname = "agentcore-provisioner"\nversion = "1.2.3"\nedition = "2024"\nlicense = "Apache-2.0"'
        binary = '[[bin]]\nname = "provisioner"\npath = "main.rs"\n\n[dependencies]\nitoa = "1"\n\n[workspace]'
        for name, content in [
            ("Cargo.lock", f"version = 4\n\n{own}\n\n{itoa}"),
            ("Cargo.toml", f"{package}\n\n{binary}"),
            ("main.rs", "fn main() {}"),
        ]:
            (self.checkout / name).write_text(f"{content}\n", encoding="utf-8")
        self.commit("function")

    def commit(self, message: str):
        self.git("add", ".")
        self.git("commit", "--quiet", "-m", message)

    def wrap(self, name: str, replacement):
        """Wraps a method of moto's S3 for the rest of the test: `replacement(original, response, ...)`."""
        original = getattr(S3Response, name)

        def wrapped(response, *arguments, **named):
            return replacement(lambda: original(response, *arguments, **named), response, *arguments, **named)

        patch = mock.patch.object(S3Response, name, wrapped)
        patch.start()
        self.addCleanup(patch.stop)

    def bucket(self, region: str, actual: str | None = None):
        """Creates the bucket for a Region, versioned, so that an overwrite would be visible."""
        actual = actual or region
        location = {} if actual == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": actual}}
        self.s3(actual).create_bucket(Bucket=f"{PREFIX}-{region}", **location)
        versioning = {"Status": "Enabled"}
        self.s3(actual).put_bucket_versioning(Bucket=f"{PREFIX}-{region}", VersioningConfiguration=versioning)

    def s3(self, region: str = "us-east-1"):
        keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
        return boto3.client("s3", region_name=region, endpoint_url=self.url, **keys)

    def versions(self, region: str = "us-east-1") -> list:
        """Returns the keys of all versions in a Region's bucket: the code, the checksums, the template."""
        listed = self.s3(region).list_object_versions(Bucket=f"{PREFIX}-{region}").get("Versions", [])
        order = [".zip", ".SHA256SUMS", ".yaml"]
        return sorted((version["Key"] for version in listed), key=lambda key: order.index(pathlib.PurePath(key).suffix))

    def start(self, *arguments: str, regions=("us-east-1",), environment=KEYS, **streams) -> subprocess.Popen:
        command = [self.program, "--bucket-prefix", PREFIX, "--bootstrap", self.bootstrap]
        if "--endpoint-url" not in arguments:
            command += ["--endpoint-url", self.url]
        command += [argument for region in regions for argument in ("--region", region)]
        surroundings = RUST | {"PATH": os.environ["PATH"], "HOME": str(self.home), "AWS_EC2_METADATA_DISABLED": "true"}
        return subprocess.Popen(
            [*command, *arguments],
            cwd=self.checkout,
            env=surroundings | environment,
            text=True,
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams,
        )

    def end(self, process: subprocess.Popen) -> str:
        shown, complaint = process.communicate()
        self.assertEqual(process.returncode, 0, complaint)
        return shown

    def publish(self, *arguments: str, **settings) -> str:
        return self.end(self.start(*arguments, **settings))

    def refused(self, *arguments: str, **settings) -> str:
        """Returns the one sentence of a publication that must not succeed and must not upload anything."""
        process = self.start(*arguments, **settings)
        _, complaint = process.communicate()
        self.assertEqual(process.returncode, 1, complaint)
        self.assertEqual(self.puts, [], "something was uploaded")
        return self.sentence(complaint)

    def sentence(self, complaint: str) -> str:
        errors = [line for line in complaint.splitlines() if not line.startswith("warning: ")]
        self.assertEqual(len(errors), 1, complaint)
        sentence = errors[0].removeprefix("error: ")
        self.assertNotEqual(sentence, errors[0])
        self.assertNotRegex(sentence, r"\w+ ?\{|Some\(|panicked", "internals instead of a sentence")
        return sentence

    def templates(self, shown: str) -> list[str]:
        """Returns the keys of the templates that the links lead to."""
        links = [line for line in shown.splitlines() if line.startswith("https://")]
        queries = [parse_qs(urlsplit(link).fragment.partition("?")[2], strict_parsing=True) for link in links]
        return [urlsplit(query["templateURL"][0]).path.lstrip("/") for query in queries]
