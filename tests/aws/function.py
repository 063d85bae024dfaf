"""Runs the built function as Lambda would, and stands in for CloudFormation at the other end.

One HTTP server on loopback plays the Lambda Runtime API, which hands the process one event at a time, and CloudFormation,
in which every stack is being updated. Another, with TLS, plays the bucket that the function's answers go to. The function
reaches it under the bucket's name through a proxy, and trusts its certificate because `SSL_CERT_FILE` names it. With a real
account, the proxy connects all other hosts as they are.
Only what the lifecycle test needs: no deadline is enforced and nothing is retried.
"""

import datetime
import json
import os
import pathlib
import queue
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import botocore.httpsession
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from account import Account

# The function's own limit, and a shorter one where nothing takes long.
ANSWER_SECONDS_MAX = 900
ANSWER_SECONDS_MAX_EMULATED = 60
RESPONSE_BYTES_MAX = 4096
# No stack belongs to these events.
DESCRIBE_STACKS = b"""<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/">
<DescribeStacksResult><Stacks><member><StackName>mcp</StackName><CreationTime>2026-11-01T00:00:00Z</CreationTime>
<StackStatus>UPDATE_IN_PROGRESS</StackStatus></member></Stacks></DescribeStacksResult></DescribeStacksResponse>"""


def certificate(host: str) -> tuple[bytes, bytes]:
    """Creates a self-signed certificate for a host. Returns it and its key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "bucket")])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
    pem = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    form = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return pem, key.private_bytes(serialization.Encoding.PEM, *form)


class Proxy:
    """A proxy that connects one host to a port of this machine, and the others to themselves or not at all."""

    def __init__(self, host: str, port: int, *, others: bool):
        self._host = host
        self._target = port
        self._others = others
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        """Accepts no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = client.recv(1)
            if not byte:
                return client.close()
            head += byte
        method, _, rest = head.decode().partition(" ")
        host, _, port = rest.split(" ")[0].partition(":")
        ours = host == self._host
        assert method == "CONNECT" and port == "443" and (ours or self._others), head
        with client, socket.create_connection(("127.0.0.1", self._target) if ours else (host, 443)) as server:
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=self._pump, args=(server, client), daemon=True)
            back.start()
            self._pump(client, server)
            back.join()

    @staticmethod
    def _pump(source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass


class Function:
    """A running function, with the credentials of an account. `invoke` is one event; `log` is everything it wrote."""

    def __init__(self, bootstrap: str, account: Account):
        self._account = account
        region = account.region
        self.arn = f"arn:aws:lambda:{region}:{account.id}:function:provisioner"
        self._bucket_host = f"cloudformation-custom-resource-response-{region.replace('-', '')}.s3.{region}.amazonaws.com"
        self._events: queue.Queue = queue.Queue()
        self._reports: queue.Queue = queue.Queue()
        self._answers: dict[str, list] = {}
        self._log = tempfile.TemporaryFile()
        self._folder = tempfile.TemporaryDirectory()
        pem, key = pathlib.Path(self._folder.name, "certificate.pem"), pathlib.Path(self._folder.name, "key.pem")
        for path, content in zip([pem, key], certificate(self._bucket_host), strict=True):
            path.write_bytes(content)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(pem, key)
        with pem.open("ab") as trusted:
            trusted.write(pathlib.Path(botocore.httpsession.get_cert_path(True)).read_bytes())
        self._runtime_api, self._bucket = self._serve(), self._serve(tls)
        self._proxy = Proxy(self._bucket_host, self._bucket.server_port, others=account.is_real)
        credentials = account.session.get_credentials().get_frozen_credentials()
        # Nothing comes from our own environment: Lambda passes these variables and few others.
        environment = {
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._runtime_api.server_port}",
            "AWS_LAMBDA_FUNCTION_NAME": "provisioner",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/provisioner",
            "AWS_LAMBDA_LOG_STREAM_NAME": account.prefix,
            "AWS_LAMBDA_LOG_LEVEL": "debug",
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_ACCESS_KEY_ID": credentials.access_key,
            "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
            "AWS_ENDPOINT_URL_CLOUDFORMATION": f"http://127.0.0.1:{self._runtime_api.server_port}",
            "HTTPS_PROXY": f"http://127.0.0.1:{self._proxy.port}",
            "SSL_CERT_FILE": str(pem),
            "_HANDLER": "bootstrap",
        }
        if credentials.token:
            environment["AWS_SESSION_TOKEN"] = credentials.token
        if account.endpoint_url:
            environment["AWS_ENDPOINT_URL"] = account.endpoint_url
        self._process = subprocess.Popen([bootstrap], env=environment, stdout=self._log, stderr=self._log)

    def invoke(self, event: dict) -> dict:
        """Delivers one event and returns CloudFormation's answer. Raises AssertionError unless there is exactly one."""
        key = str(uuid.uuid4())
        signed = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        event = {**event, "ResponseURL": f"https://{self._bucket_host}/{key}?X-Amz-Date={signed}&X-Amz-Expires=7200"}
        self._answers[key] = []
        self._events.put(event)
        deadline = time.monotonic() + (ANSWER_SECONDS_MAX if self._account.is_real else ANSWER_SECONDS_MAX_EMULATED)
        while True:
            try:
                outcome, body = self._reports.get(timeout=0.2)
                break
            except queue.Empty:
                assert self._process.poll() is None, f"the function ended with {self._process.returncode}:\n{self.log()}"
                assert time.monotonic() < deadline, f"the function did not finish in time:\n{self.log()}"
        assert outcome == "response", f"the function reported an error: {body}\n{self.log()}"
        answers = self._answers.pop(key)
        assert len(answers) == 1, f"{len(answers)} answers instead of one"
        method, content_type, body = answers[0]
        assert method == "PUT" and not content_type, f"an answer by {method} with content type {content_type!r}"
        assert len(body) <= RESPONSE_BYTES_MAX, f"an answer of {len(body)} bytes"
        answer = json.loads(body)
        for member in ("StackId", "RequestId", "LogicalResourceId"):
            assert answer[member] == event[member], f"`{member}` was not repeated"
        assert answer["PhysicalResourceId"], "an answer without PhysicalResourceId"
        return answer

    def log(self) -> str:
        """Returns everything that the function has written so far."""
        self._log.seek(0)
        text = self._log.read().decode(errors="replace")
        self._log.seek(0, os.SEEK_END)
        return text

    def __enter__(self) -> "Function":
        return self

    def __exit__(self, *_) -> None:
        """Ends the process and the servers."""
        self._process.kill()
        self._process.wait()
        for server in (self._runtime_api, self._bucket):
            server.shutdown()
            server.server_close()
        self._proxy.stop()
        self._log.close()
        self._folder.cleanup()

    def _serve(self, tls: ssl.SSLContext | None = None) -> ThreadingHTTPServer:
        """Starts a server on a free port."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        server.daemon_threads = True
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server

    def _handler(function) -> type:  # `self` is the request's below
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                if not self.path.endswith("/runtime/invocation/next"):
                    return self._reply(404)
                event = function._events.get()
                self._reply(
                    200,
                    json.dumps(event).encode(),
                    {
                        "Content-Type": "application/json",
                        "Lambda-Runtime-Aws-Request-Id": str(uuid.uuid4()),
                        "Lambda-Runtime-Deadline-Ms": str(int((time.time() + 900) * 1000)),
                        "Lambda-Runtime-Invoked-Function-Arn": function.arn,
                        "Lambda-Runtime-Trace-Id": "Root=1-00000000-000000000000000000000000;Sampled=0",
                    },
                )

            def do_POST(self):
                body = self._body()
                if self.path == "/":
                    return self._reply(200, DESCRIBE_STACKS, {"Content-Type": "text/xml"})
                outcome = self.path.rsplit("/", 1)[-1]
                self._reply(202, b'{"status":"OK"}')
                function._reports.put((outcome, body.decode(errors="replace")))

            def do_PUT(self):
                if "chunked" in self.headers.get("Transfer-Encoding", ""):
                    return self._reply(501)
                key = urlsplit(self.path).path.rsplit("/", 1)[-1]
                function._answers[key].append((self.command, self.headers.get("Content-Type"), self._body()))
                self._reply(200)

            def _body(self) -> bytes:
                if "chunked" not in self.headers.get("Transfer-Encoding", ""):
                    return self.rfile.read(int(self.headers.get("Content-Length", 0)))
                body = b""
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return body

            def _reply(self, status: int, body: bytes = b"", headers: dict | None = None):
                self.send_response(status)
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        return Handler
