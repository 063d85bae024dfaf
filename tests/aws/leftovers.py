"""Deletes what a run created, however the run ends, and says what remains.

A resource belongs to the run if its name begins with the run's prefix. Lists are the only record, so that a create whose
answer was lost is found, too.
"""

import contextlib
import dataclasses
import signal
import time
from collections.abc import Callable, Iterator

from botocore.exceptions import BotoCoreError, ClientError

from account import Account

# Time for runtimes and gateways to go. On platform version V2, a runtime can be CREATING for minutes before.
SECONDS_MAX = 900
# Time after which a create that was under way must have become visible in lists.
QUIET_SECONDS = 30
QUIET_SECONDS_EMULATED = 3


@dataclasses.dataclass(frozen=True)
class Kind:
    """One kind of resource: `find` returns the identifiers of the run's resources, and `delete` takes one."""

    noun: str
    find: Callable[[Account], list[str]]
    delete: Callable[[Account, str], object]


def pages(client, operation: str, result: str, **arguments) -> Iterator[dict]:
    """Yields the items of a list. Emulators differ in which operations can be paged, AWS does not."""
    for page in client.get_paginator(operation).paginate(**arguments):
        yield from page[result]


def control(account: Account):
    return account.client("bedrock-agentcore-control")


def of_agentcore(noun: str, lists: str, result: str, identifier: str, name: str, delete: str, argument: str) -> Kind:
    """Returns a kind that AgentCore's control plane lists with names and identifiers."""

    def find(account: Account) -> list[str]:
        items = pages(control(account), lists, result)
        return [item[identifier] for item in items if item[name].startswith(account.prefix)]

    return Kind(noun, find, lambda account, found: getattr(control(account), delete)(**{argument: found}))


def delete_gateway(account: Account, gateway_id: str) -> None:
    for target in pages(control(account), "list_gateway_targets", "items", gatewayIdentifier=gateway_id):
        control(account).delete_gateway_target(gatewayIdentifier=gateway_id, targetId=target["targetId"])
    control(account).delete_gateway(gatewayIdentifier=gateway_id)


def find_secrets(account: Account) -> list[str]:
    """Finds the run's secrets, and those in which AgentCore keeps the values of the run's credential providers."""
    items = pages(account.client("secretsmanager"), "list_secrets", "SecretList", IncludePlannedDeletion=True)
    managed = ("bedrock-agentcore-identity!default/oauth2/", "bedrock-agentcore-identity!default/apikey/")
    beginnings = tuple(folder + account.prefix for folder in ("", *managed))
    return [item["ARN"] for item in items if item["Name"].startswith(beginnings)]


def delete_secret(account: Account, arn: str) -> None:
    account.client("secretsmanager").delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)


def find_log_groups(account: Account) -> list[str]:
    """Finds the log groups of the run's runtimes, in a real account only: the emulated AWS does not list log groups."""
    if not account.is_real:
        return []
    prefix = f"/aws/bedrock-agentcore/runtimes/{account.prefix}"
    groups = pages(account.client("logs"), "describe_log_groups", "logGroups", logGroupNamePrefix=prefix)
    return [group["logGroupName"] for group in groups]


RUNTIMES = of_agentcore(
    "runtime",
    "list_agent_runtimes",
    "agentRuntimes",
    "agentRuntimeId",
    "agentRuntimeName",
    "delete_agent_runtime",
    "agentRuntimeId",
)
GATEWAYS = dataclasses.replace(
    of_agentcore("gateway", "list_gateways", "items", "gatewayId", "name", "", ""), delete=delete_gateway
)
OAUTH2_PROVIDERS, API_KEY_PROVIDERS = (
    of_agentcore(
        f"{words} credential provider",
        f"list_{word}_credential_providers",
        "credentialProviders",
        "name",
        "name",
        f"delete_{word}_credential_provider",
        "name",
    )
    for words, word in [("OAuth2", "oauth2"), ("API key", "api_key")]
)
WORKLOAD_IDENTITIES = of_agentcore(
    "workload identity",
    "list_workload_identities",
    "workloadIdentities",
    "name",
    "name",
    "delete_workload_identity",
    "name",
)
SECRETS = Kind("secret", find_secrets, delete_secret)
LOG_GROUPS = Kind(
    "log group", find_log_groups, lambda account, name: account.client("logs").delete_log_group(logGroupName=name)
)


def sweep(account: Account, kinds: list[Kind]) -> list[str]:
    """Deletes what the run created until nothing is left of it. Returns what remains, one line each.

    The kinds are in the order of deletion. May run twice.
    """
    end = time.monotonic() + SECONDS_MAX
    quiet_seconds, pause = (QUIET_SECONDS, 5) if account.is_real else (QUIET_SECONDS_EMULATED, 0.2)
    quiet_from = None
    while True:
        remaining = [line for kind in kinds for line in delete_all(account, kind)]
        now = time.monotonic()
        quiet_from = None if remaining else quiet_from or now
        if quiet_from and now - quiet_from >= quiet_seconds:
            return []
        if now >= end:
            return remaining
        time.sleep(pause)


def delete_all(account: Account, kind: Kind) -> list[str]:
    """Asks for the deletion of everything of a kind that is found. Returns what was found, with AWS's objections."""
    try:
        found = kind.find(account)
    except (BotoCoreError, ClientError) as error:
        return [f"perhaps a {kind.noun}: {error}"]
    lines = []
    for identifier in found:
        try:
            kind.delete(account, identifier)
            lines.append(f"{kind.noun} {identifier}")
        except (BotoCoreError, ClientError) as error:
            lines.append(f"{kind.noun} {identifier}: {error}")
    return lines


@contextlib.contextmanager
def interrupted_once() -> Iterator[Callable[[], None]]:
    """Raises KeyboardInterrupt at the first signal that would end the process, and ignores the others.

    Yields a function after which the first one is ignored, too.
    """
    is_armed = True

    def disarm() -> None:
        nonlocal is_armed
        is_armed = False

    def interrupt(*_) -> None:
        if is_armed:
            disarm()
            raise KeyboardInterrupt

    former = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield disarm
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def deleted_at_the_end(account: Account, kinds: list[Kind]) -> Iterator[None]:
    """Deletes what the run created when the block ends: with success, an error, Ctrl-C or another signal.

    A second Ctrl-C changes nothing: it would leave resources behind that cost money. Raises SystemExit after it has
    printed what remains, if anything does.
    """
    with interrupted_once() as disarm:
        try:
            try:
                yield
            finally:
                disarm()
        finally:
            if account.is_real:
                minutes = SECONDS_MAX // 60
                print(f"Deleting what begins with {account.prefix}, in {minutes} minutes at most …", flush=True)
            remaining = sweep(account, kinds)
            for line in remaining:
                print(f"remains: {line}")
            if not remaining:
                print(f"nothing that begins with {account.prefix} remains")
            else:
                raise SystemExit(1)
