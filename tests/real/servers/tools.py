"""The tools that the Python servers offer, and how each of them is told to serve."""

import json
import os
import sys

import boto3

# AgentCore calls port 8000 of a container.
PORT = int(os.environ.get("PORT", "8000"))
# The first argument is `stateful` or `stateless`.
STATELESS = {"stateful": False, "stateless": True}[sys.argv[1]]


def word() -> str:
    """Returns one word."""
    return "served"


def read_secret() -> str:
    """Reads the secret of this server, and returns the names in it."""
    name = os.environ.get("SECRET_NAME") or os.environ["ZSCALER_SECRET_NAME"]
    secret = boto3.client("secretsmanager").get_secret_value(SecretId=name)
    return " ".join(sorted(json.loads(secret["SecretString"])))
