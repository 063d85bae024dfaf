#!/usr/bin/env python3
"""A certified OpenID provider on https, with an authority of its own: the tokens that it gives to a client, and deployments of
template.yaml whose runtime and gateway take them.

    target/real/mcp-2/bin/python tests/real/provider.py target/debug/local
"""

import datetime
import json
import ssl
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import httpx2
import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from documented import ROOT

HOST = "login.example.org"
ISSUER = f"https://{HOST}"
CLIENT_ID, CLIENT_SECRET = "mcp-client", "made-up-client-secret"
RESOURCE, SCOPE = "https://mcp.example.org", "mcp:invoke"


def certificate(name: str, issuer: x509.Name | None, key, issuer_key) -> x509.Certificate:
    """Returns a certificate for one day: of an authority if it has no other issuer, or of a host."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer or subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )


class Provider:
    """The running provider, and the certificate of its authority."""

    def __init__(self, folder: Path) -> None:
        authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        authority = certificate("Authority of the provider", None, authority_key, authority_key)
        host = certificate(HOST, authority.subject, key, authority_key)
        form = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        files = {
            "authority.pem": authority.public_bytes(serialization.Encoding.PEM),
            "host.pem": host.public_bytes(serialization.Encoding.PEM),
            "host.key": key.private_bytes(serialization.Encoding.PEM, *form),
        }
        for name, content in files.items():
            (folder / name).write_bytes(content)
        self.authority = folder / "authority.pem"
        environment = {
            "ISSUER": ISSUER,
            "TLS_KEY": str(folder / "host.key"),
            "TLS_CERTIFICATE": str(folder / "host.pem"),
            "CLIENT_ID": CLIENT_ID,
            "CLIENT_SECRET": CLIENT_SECRET,
            "RESOURCE": RESOURCE,
            "SCOPE": SCOPE,
        }
        node = ROOT / "target/real/node"
        self.process = subprocess.Popen(
            [node / "bin/node", node / "provider.mjs"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.port = int(self.process.stdout.readline())

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()


class ProviderTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.provider = Provider(Path(folder.name))
        cls.addClassCleanup(cls.provider.stop)
        trusted = ssl.create_default_context(cafile=cls.provider.authority)
        cls.client = httpx2.Client(verify=trusted, trust_env=False, headers={"host": HOST}, timeout=20)
        cls.addClassCleanup(cls.client.close)
        cls.metadata = cls.request("GET", f"{ISSUER}/.well-known/openid-configuration").json()

    @classmethod
    def request(cls, method: str, url: str, **more) -> httpx2.Response:
        """Sends a request for the provider's host to the provider's port on this machine."""
        here = url.replace(ISSUER, f"https://127.0.0.1:{cls.provider.port}")
        return cls.client.request(method, here, extensions={"sni_hostname": HOST}, **more)

    def token(self, secret: str = CLIENT_SECRET, **parameters: str) -> httpx2.Response:
        form = {"grant_type": "client_credentials", "scope": SCOPE, **parameters}
        return self.request("POST", self.metadata["token_endpoint"], data=form, auth=(CLIENT_ID, secret))

    def test_its_metadata_names_the_issuer_and_endpoints_of_its_host(self) -> None:
        self.assertEqual(self.metadata["issuer"], ISSUER)
        for endpoint in ["token_endpoint", "jwks_uri"]:
            self.assertTrue(self.metadata[endpoint].startswith(f"{ISSUER}/"), self.metadata[endpoint])

    def test_a_token_for_a_resource_is_a_jwt_signed_by_its_keys(self) -> None:
        keys = jwt.PyJWKSet.from_dict(self.request("GET", self.metadata["jwks_uri"]).json())
        token = self.token(resource=RESOURCE).json()["access_token"]
        key = keys[jwt.get_unverified_header(token)["kid"]]
        claims = jwt.decode(token, key, algorithms=["RS256"], audience=RESOURCE, issuer=ISSUER)
        self.assertEqual([claims["client_id"], claims["scope"]], [CLIENT_ID, SCOPE])

    def test_a_token_without_a_resource_is_opaque(self) -> None:
        self.assertNotIn(".", self.token().json()["access_token"])

    def test_another_resource_and_a_wrong_secret_are_refused(self) -> None:
        for answer, error in [
            (self.token(resource="https://other.example.org"), "invalid_target"),
            (self.token(secret="wrong"), "invalid_client"),
        ]:
            self.assertEqual(answer.json()["error"], error, json.dumps(answer.json()))

    def deploy(self, **changes: str) -> subprocess.CompletedProcess:
        """Deploys a runtime and a gateway for the provider's tokens, and calls both as a client of the provider."""
        parameters = {
            "McpAuthMode": "jwt",
            "JwtIssuer": ISSUER,
            "JwtAudience": RESOURCE,
            "JwtJwksUri": self.metadata["jwks_uri"],
            "EnableAgentCoreGateway": "true",
            "GatewayInboundIssuer": ISSUER,
            "GatewayInboundAllowedAudience": RESOURCE,
            "GatewayOAuthClientId": CLIENT_ID,
            "GatewayOAuthClientSecret": CLIENT_SECRET,
            "GatewayOAuthProviderScopes": SCOPE,
            "GatewayOAuthCustomParameters": json.dumps({"resource": RESOURCE}),
        }
        provider = f"{ISSUER}=127.0.0.1:{self.provider.port}"
        command = [LOCAL, "--latency", "100ms", "--identity-provider", provider]
        command += ["--identity-provider-ca", str(self.provider.authority), "--parameter-overrides"]
        command += [f"{name}={value}" for name, value in (parameters | changes).items()]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)

    def test_a_deployment_is_verified_with_its_tokens(self) -> None:
        run = self.deploy()
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        for line in [
            r"VerificationResult +PASSED - the server answers and lists 3 tools",
            r"GatewayVerificationResult +PASSED - the gateway answers and lists 3 tools",
            r"zscaler___tool_001 → tool_001 was called",
        ]:
            self.assertRegex(run.stdout, line)

    def test_an_opaque_token_fails_the_deployment_in_a_sentence(self) -> None:
        run = self.deploy(GatewayOAuthCustomParameters="")
        self.assertEqual(run.returncode, 1, run.stdout)
        self.assertIn("opaque or encrypted token, which no authorizer can check", run.stdout)
        self.assertIn("nothing is left behind", run.stdout)


if __name__ == "__main__":
    LOCAL = str(Path(sys.argv[1]).resolve())
    unittest.main(argv=sys.argv[:1])
