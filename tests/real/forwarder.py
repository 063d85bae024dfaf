"""Forwards requests to one URL: signed, for software that cannot sign, or unchanged.

As a program it is the container of a runtime, whose MCP server is elsewhere:

    PORT=8000 target/real/mcp-2/bin/python tests/real/forwarder.py <URL>
"""

import http.server
import os
import sys
import threading
from collections.abc import Callable

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.httpsession import URLLib3Session
from emulated import Emulator
from urllib3.exceptions import ProtocolError

# They belong to one connection.
HOP_BY_HOP = {"connection", "content-length", "host", "transfer-encoding"}


class Forwarder(http.server.ThreadingHTTPServer):
    """Listens on an address, and sends the requests through a session to the URL."""

    def __init__(
        self,
        url: str,
        address: tuple[str, int],
        session: URLLib3Session,
        sign: Callable[[AWSRequest], None] = lambda _: None,
    ) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def forward(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
                request = AWSRequest(method=self.command, url=url, headers=headers, data=body, stream_output=True)
                sign(request)
                response = session.send(request.prepare())
                self.send_response(response.status_code)
                for name, value in response.headers.items():
                    if name.lower() not in HOP_BY_HOP:
                        self.send_header(name, value)
                self.send_header("transfer-encoding", "chunked")
                self.end_headers()
                # Each event of a stream as soon as it comes.
                for part in response.raw.stream():
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
                self.wfile.write(b"0\r\n\r\n")

            do_DELETE = do_GET = do_POST = forward

            def log_message(self, *_) -> None:
                """Logs nothing."""

        super().__init__(address, Handler)
        self.url = f"http://localhost:{self.server_port}/mcp"

    def handle_error(self, request, client_address) -> None:
        # Both sides may go away without a word.
        if not isinstance(sys.exc_info()[1], (ConnectionError, ProtocolError)):
            super().handle_error(request, client_address)

    def stop(self) -> None:
        self.shutdown()
        self.server_close()


def signing(emulator: Emulator, url: str) -> Forwarder:
    """Starts a forwarder to a URL in the emulated account, which signs as its administrator."""
    names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"]
    signer = SigV4Auth(Credentials(*[emulator[name] for name in names]), "bedrock-agentcore", emulator.region)
    session = URLLib3Session(verify=emulator["SSL_CERT_FILE"], proxies={"https": emulator["HTTPS_PROXY"]})
    forwarder = Forwarder(url, ("127.0.0.1", 0), session, signer.add_auth)
    threading.Thread(target=forwarder.serve_forever, daemon=True).start()
    return forwarder


if __name__ == "__main__":
    Forwarder(sys.argv[1], ("0.0.0.0", int(os.environ["PORT"])), URLLib3Session()).serve_forever()
