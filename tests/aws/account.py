"""The AWS account that a script uses: moto's, the one behind an emulator's endpoint on loopback, or a real one.

Whatever a run creates has a name that begins with the run's prefix, which no other run has. leftovers.py deletes by this prefix.
A real account is used only after a person has typed its id at a terminal.
"""

import argparse
import dataclasses
import functools
import ipaddress
import os
import re
import secrets
import sys
from urllib.parse import urlsplit

import boto3
from botocore.auth import AUTH_TYPE_MAPS, SigV4Auth
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

# boto3 signs with the AWS CRT where that is installed. An exception in the CRT's callbacks, such as Ctrl-C, is lost.
AUTH_TYPE_MAPS["v4"] = SigV4Auth

PREFIX = re.compile(r"check[0-9a-f]{10}")
# A role and images for emulators, which look at their form.
ROLE = "role/agentcore-runtime"
IMAGES = [f"111122223333.dkr.ecr.us-east-1.amazonaws.com/team/server:{tag}" for tag in ("1", "2")]


class Refusal(Exception):
    """A sentence that says why nothing was done."""


def new_prefix() -> str:
    """Returns the beginning of a run's names. It is a valid beginning for every kind of resource."""
    return f"check{secrets.token_hex(5)}"


@dataclasses.dataclass(frozen=True, eq=False)
class Account:
    """An account, and what a runtime in it needs: a role that AgentCore may assume, and two images."""

    session: boto3.Session
    id: str
    endpoint_url: str | None
    role_arn: str
    images: list[str]
    prefix: str = dataclasses.field(default_factory=new_prefix)

    def __post_init__(self):
        # Deleting by a shorter prefix could find what others created.
        if not PREFIX.fullmatch(self.prefix):
            raise ValueError(f"{self.prefix!r} is not a prefix of a run's own")

    @property
    def is_real(self) -> bool:
        return self.endpoint_url is None

    @property
    def region(self) -> str:
        return self.session.region_name

    @functools.cache
    def client(self, service: str):
        return connect(self.session, service, self.endpoint_url)


def connect(session: boto3.Session, service: str, endpoint_url: str | None):
    """Returns a client of an endpoint, or of AWS itself whatever the environment says."""
    config = Config(retries={"mode": "standard"}, ignore_configured_endpoint_urls=True)
    return session.client(service, endpoint_url=endpoint_url, config=config)


def add_arguments(parser: argparse.ArgumentParser, *, required: bool) -> None:
    """Adds the choice of the account, which comes with the credentials and the Region of the environment."""
    where = parser.add_mutually_exclusive_group(required=required)
    where.add_argument("--endpoint-url", metavar="URL", help="an emulator of AWS on loopback")
    where.add_argument("--real-account", action="store_true", help="AWS itself, after a question")
    role = os.environ.get("ROLE_ARN")
    parser.add_argument("--role-arn", metavar="ARN", default=role, help="a role for runtimes and gateways ($ROLE_ARN)")
    text = "an image in ECR for runtimes; given twice, an update changes it"
    parser.add_argument("--image", metavar="URI", action="append", default=[], help=text)


def choose(arguments: argparse.Namespace, cost: str) -> Account:
    """Returns the account that the arguments name, once somebody has agreed to what a run costs in a real one.

    Raises Refusal if nobody has, if the endpoint is not on loopback, or if the credentials are missing or not valid.
    """
    if arguments.real_account:
        check_that_somebody_is_there()
        if not (arguments.role_arn and arguments.image):
            raise Refusal("a real account needs `--role-arn` and `--image`")
    else:
        check_loopback(arguments.endpoint_url)
    session = boto3.Session()
    if not session.region_name:
        raise Refusal("no Region is chosen: set AWS_DEFAULT_REGION")
    try:
        identity = connect(session, "sts", arguments.endpoint_url).get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        raise Refusal(f"the credentials cannot be used: {error}") from error
    account_id = identity["Account"]
    account = Account(
        session=session,
        id=account_id,
        endpoint_url=arguments.endpoint_url,
        role_arn=arguments.role_arn or f"arn:aws:iam::{account_id}:{ROLE}",
        images=arguments.image or IMAGES,
    )
    if account.is_real:
        confirm(account, identity["Arn"], cost)
    return account


def check_loopback(endpoint_url: str) -> None:
    """Refuses an endpoint elsewhere: it could be AWS, without the question."""
    host = urlsplit(endpoint_url).hostname or ""
    try:
        is_loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise Refusal(f"`--endpoint-url` is {endpoint_url}, which is not on loopback; AWS itself is `--real-account`")


def check_that_somebody_is_there() -> None:
    """Refuses a real account where no person can confirm it, as in CI."""
    if os.environ.get("CI") or not sys.stdin.isatty():
        raise Refusal("`--real-account` asks a question, and here is nobody to answer it; run it by hand at a terminal")


def confirm(account: Account, caller: str, cost: str) -> None:
    """Asks for the account's id. Raises Refusal unless exactly this is typed."""
    print(f"AWS account {account.id}, Region {account.region}, as {caller}")
    print(f"Everything that is created has a name that begins with {account.prefix}, and is deleted at the end.")
    print(cost)
    if input("Type the account's id to begin: ").strip() != account.id:
        raise Refusal("that is not the account's id; nothing was created")
