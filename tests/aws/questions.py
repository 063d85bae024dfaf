"""Questions to an account about undocumented behaviour that the emulated AWS assumes.

A question is its text, the answer that the emulated AWS gives, and either the function that finds the answer, or the
reason why this script cannot.
"""

import dataclasses
import json
import time
import uuid
from collections.abc import Callable

import boto3
from botocore.exceptions import ClientError

from account import connect
from trial import NOT_FOUND, Trial, Unanswered, answer_to, code, provider_config


@dataclasses.dataclass(frozen=True)
class Question:
    """A question. `ask` returns the answer, with AWS's message behind a colon, or raises Unanswered.

    Without `ask`, `needs` says what an answer needs. `assumed` is empty where the emulated AWS assumes nothing.
    `real_only` is true where only a real account has the calls to find an answer.
    """

    text: str
    assumed: str
    ask: Callable[[Trial], str] | None = None
    needs: str = ""
    real_only: bool = False


def with_messages(answer: str, *messages: str | None) -> str:
    """Returns an answer with AWS's messages about it, if there are any."""
    return ": ".join([answer, *filter(None, messages)])


# ---- runtimes


def mmds_after_an_update(trial: Trial) -> str:
    runtime = trial.runtime()
    update(trial, runtime)
    metadata = trial.settled_runtime(runtime["agentRuntimeId"]).get("metadataConfiguration", {})
    return str(metadata.get("requireMMDSV2", "absent")).lower()


def omitted_members(trial: Trial) -> str:
    given = {
        "description": "A description.",
        "environmentVariables": {"NAME": "value"},
        "lifecycleConfiguration": {"idleRuntimeSessionTimeout": 300, "maxLifetime": 600},
        "requestHeaderConfiguration": {"requestHeaderAllowlist": ["Mcp-Session-Id"]},
    }
    before = trial.runtime(**given)
    update(trial, before)
    now = trial.settled_runtime(before["agentRuntimeId"])
    kept = [member for member in given if now.get(member) == before[member]]
    return f"kept: {', '.join(kept)}" if kept else "reset"


def update(trial: Trial, runtime: dict) -> None:
    """Updates a runtime with as few members as AWS's guide demands."""
    members = ("agentRuntimeId", "agentRuntimeArtifact", "roleArn", "networkConfiguration")
    trial.control.update_agent_runtime(**{member: runtime[member] for member in members})


def delete_while_creating(trial: Trial) -> str:
    runtime_id = trial.create_runtime()
    answer = answer_to(lambda: trial.control.delete_agent_runtime(agentRuntimeId=runtime_id))
    if answer == "accepted" and trial.settled_runtime(runtime_id)["status"] == "READY":
        raise Unanswered("the runtime was READY at once")
    return answer


def name_of_a_deleted_runtime(trial: Trial) -> str:
    request = trial.request()
    name = request["agentRuntimeName"]
    trial.delete_runtime(trial.runtime(agentRuntimeName=name)["agentRuntimeId"])
    gone = time.monotonic()
    while (answer := answer_to(lambda: trial.control.create_agent_runtime(**request))) != "accepted":
        if not answer.startswith("ConflictException") or time.monotonic() - gone > 300:
            return answer
        time.sleep(2)
    seconds = round(time.monotonic() - gone)
    return "at once" if seconds < 2 else f"after {seconds} s"


def client_token_of_a_deleted_runtime(trial: Trial) -> str:
    request = trial.request(clientToken=str(uuid.uuid4()))
    first = trial.control.create_agent_runtime(**request)["agentRuntimeId"]
    trial.settled_runtime(first)
    trial.delete_runtime(first)
    again = trial.control.create_agent_runtime(**request)["agentRuntimeId"]
    return "the deleted runtime" if again == first else "a new runtime"


def client_token_with_other_parameters(trial: Trial) -> str:
    request = trial.request(clientToken=str(uuid.uuid4()))
    trial.control.create_agent_runtime(**request)
    return answer_to(lambda: trial.control.create_agent_runtime(**request | {"description": "Another."}))


def default_platform_version(trial: Trial) -> str:
    return trial.runtime(platformVersion=None).get("platformVersion", "absent")


def failing_warm_up(trial: Trial) -> str:
    hooks = {"build": {"warmup": {"action": {"httpPost": {"path": "/there-is-nothing-here"}}}}}
    if (plain := trial.runtime(platformVersion="V2"))["status"] != "READY":
        raise Unanswered(f"the image does not even start without a hook: {plain.get('failureReason')}")
    runtime = trial.runtime(platformVersion="V2", hooksConfiguration=hooks)
    return with_messages(runtime["status"], runtime.get("failureReason"))


def tag_scoped_get(trial: Trial) -> str:
    scoped = {"StringEquals": {"aws:ResourceTag/owner": trial.account.prefix}}
    statement = {"Effect": "Allow", "Action": "bedrock-agentcore:*", "Resource": "*", "Condition": scoped}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    try:
        sts = trial.account.client("sts")
        keys = sts.get_federation_token(Name=trial.account.prefix, Policy=policy)["Credentials"]
    except ClientError as error:
        raise Unanswered(f"only the long-term keys of an IAM user can be narrowed: {error}") from error
    session = boto3.Session(
        region_name=trial.account.region,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )
    narrowed = connect(session, "bedrock-agentcore-control", None)
    runtime = trial.runtime(tags={"owner": trial.account.prefix})
    if (answer := code(lambda: narrowed.get_agent_runtime(agentRuntimeId=runtime["agentRuntimeId"]))) != "accepted":
        raise Unanswered(f"the condition denies a runtime with the tag, too: {answer}")
    trial.delete_runtime(runtime["agentRuntimeId"])
    return answer_to(lambda: narrowed.get_agent_runtime(agentRuntimeId=runtime["agentRuntimeId"]))


# ---- containers


def refusal_by_a_container(trial: Trial) -> str:
    answer = trial.invoke(trial.runtime(), "tools/list", mcpProtocolVersion="1999-01-01")
    if answer["code"] == "RuntimeClientError":
        return "HTTP 424 RuntimeClientError"
    if 400 <= answer["status"] < 500:
        return "as the container's own HTTP 4xx"
    if "-32010" in answer["body"]:
        return "HTTP 200 with JSON-RPC -32010"
    raise Unanswered(f"the server did not refuse a revision that does not exist: {answer['body'][:200]}")


def log_group_of_a_deleted_runtime(trial: Trial) -> str:
    group, runtime = log_group(trial)
    trial.delete_runtime(runtime["agentRuntimeId"])
    answer = code(lambda: trial.logs.describe_log_streams(logGroupName=group))
    return {"accepted": "kept", NOT_FOUND: "deleted"}.get(answer, answer)


def newest_log_events(trial: Trial) -> str:
    group, _ = log_group(trial)
    start = int((time.time() - 3600) * 1000)
    return answer_to(lambda: trial.logs.filter_log_events(logGroupName=group, startFromHead=False, startTime=start))


def log_group(trial: Trial) -> tuple[str, dict]:
    """Calls a runtime and waits until its log group exists. Returns both."""
    runtime = trial.runtime()
    trial.invoke(runtime, "tools/list")
    group = f"/aws/bedrock-agentcore/runtimes/{runtime['agentRuntimeId']}-DEFAULT"
    end = time.monotonic() + 120
    while code(lambda: trial.logs.describe_log_streams(logGroupName=group)) != "accepted":
        if time.monotonic() > end:
            raise Unanswered(f"there is no log group {group} two minutes after a call")
        time.sleep(1)
    return group, runtime


# ---- gateways


def change_of_a_gateway(change: Callable[[dict], None]) -> Callable[[Trial], str]:
    """Returns a function that creates a gateway and updates it with the members that `change` returns."""

    def ask(trial: Trial) -> str:
        request = trial.gateway_request()
        gateway_id = trial.gateway(request)
        # Otherwise a refusal of the change could have another cause.
        trial.control.update_gateway(gatewayIdentifier=gateway_id, **request)
        trial.settled_gateway(gateway_id)
        change(request)
        return answer_to(lambda: trial.control.update_gateway(gatewayIdentifier=gateway_id, **request))

    return ask


def add_a_version(request: dict) -> None:
    request["protocolConfiguration"]["mcp"]["supportedVersions"].append("2025-11-25")


def add_search(request: dict) -> None:
    request["protocolConfiguration"]["mcp"]["searchType"] = "SEMANTIC"


def drop_the_protocol(request: dict) -> None:
    del request["protocolType"]


SIGNED = {
    "credentialProviderType": "GATEWAY_IAM_ROLE",
    "credentialProvider": {"iamCredentialProvider": {"service": "bedrock-agentcore"}},
}


def delete_of_a_gateway_with_targets(trial: Trial) -> str:
    gateway_id = trial.gateway(trial.gateway_request())
    trial.target(gateway_id, SIGNED)
    return answer_to(lambda: trial.control.delete_gateway(gatewayIdentifier=gateway_id))


def schema_with_a_signing_target(trial: Trial) -> str:
    return end_of_a_target(trial, SIGNED)


def schema_with_client_credentials(trial: Trial) -> str:
    arn = trial.provider(clientSecret="secret")["credentialProviderArn"]
    provider = {"oauthCredentialProvider": {"providerArn": arn, "scopes": []}}
    credential = {"credentialProviderType": "OAUTH", "credentialProvider": provider}
    return end_of_a_target(trial, credential)


def end_of_a_target(trial: Trial, credential: dict) -> str:
    target = trial.target(trial.gateway(trial.gateway_request()), credential)
    return with_messages(target["status"], *target.get("statusReasons", []))


def synchronization_of_a_schema(trial: Trial) -> str:
    gateway_id = trial.gateway(trial.gateway_request())
    target = trial.target(gateway_id, SIGNED)
    names = {"gatewayIdentifier": gateway_id, "targetIdList": [target["targetId"]]}
    return answer_to(lambda: trial.control.synchronize_gateway_targets(**names))


# ---- credential providers


def second_oauth2_provider(trial: Trial) -> str:
    name = trial.provider(clientSecret="secret")["name"]
    config = {"customOauth2ProviderConfig": provider_config(clientSecret="secret")}
    given = {"name": name, "credentialProviderVendor": "CustomOauth2", "oauth2ProviderConfigInput": config}
    return answer_to(lambda: trial.control.create_oauth2_credential_provider(**given))


def second_api_key_provider(trial: Trial) -> str:
    given = {"name": trial.name(), "apiKey": "key"}
    trial.control.create_api_key_credential_provider(**given)
    return answer_to(lambda: trial.control.create_api_key_credential_provider(**given))


def tags_of_a_provider(trial: Trial) -> str:
    arn = trial.provider(clientSecret="secret")["credentialProviderArn"]
    return answer_to(lambda: trial.control.list_tags_for_resource(resourceArn=arn))


def update_without_a_secret(trial: Trial) -> str:
    name = trial.provider(clientSecret="secret")["name"]
    config = {"customOauth2ProviderConfig": provider_config()}
    given = {"name": name, "credentialProviderVendor": "CustomOauth2", "oauth2ProviderConfigInput": config}
    return answer_to(lambda: trial.control.update_oauth2_credential_provider(**given))


def secret_of_a_deleted_provider(trial: Trial) -> str:
    provider = trial.provider(clientSecret="secret")
    trial.control.delete_oauth2_credential_provider(name=provider["name"])
    try:
        secret = trial.secrets.describe_secret(SecretId=provider["clientSecretArn"]["secretArn"])
    except ClientError as error:
        found = error.response["Error"]["Code"]
        return "deleted at once" if found == NOT_FOUND else found
    return "scheduled for deletion" if "DeletedDate" in secret else "kept"


def external_secret_without_a_policy(trial: Trial) -> str:
    config = {"secretId": trial.secret(), "jsonKey": "key"}
    return answer_to(lambda: trial.provider(clientSecretSource="EXTERNAL", clientSecretConfig=config))


def external_secret_without_the_key(trial: Trial) -> str:
    config = {"secretId": trial.secret(), "jsonKey": "another"}
    return answer_to(lambda: trial.provider(clientSecretSource="EXTERNAL", clientSecretConfig=config))


def reader_of_an_external_secret(trial: Trial) -> str:
    secret, name = trial.secret(), trial.name()
    config = {"secretId": secret, "jsonKey": "key"}
    trial.control.create_api_key_credential_provider(name=name, apiKeySecretSource="EXTERNAL", apiKeySecretConfig=config)
    trial.control.create_workload_identity(name=name)
    data = trial.account.client("bedrock-agentcore")
    token = data.get_workload_access_token(workloadName=name)["workloadAccessToken"]
    given = {"workloadIdentityToken": token, "resourceCredentialProviderName": name}
    if code(lambda: data.get_resource_api_key(**given)) == "accepted":
        return "nobody: it is read without a policy"
    for principal in ["bedrock-agentcore.amazonaws.com", "bedrock-agentcore-identity.amazonaws.com"]:
        service = {"Effect": "Allow", "Principal": {"Service": principal}}
        statement = service | {"Action": "secretsmanager:GetSecretValue", "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        trial.secrets.put_resource_policy(SecretId=secret, ResourcePolicy=policy)
        # A policy takes a while.
        time.sleep(30)
        if code(lambda: data.get_resource_api_key(**given)) == "accepted":
            return principal
    return "somebody else"


QUESTIONS = [
    Question(
        "What does an update of a new runtime without `metadataConfiguration` make of `requireMMDSV2`?",
        "false",
        mmds_after_an_update,
    ),
    Question(
        "What does such an update make of `requireMMDSV2` of a runtime that was created before February 2026?",
        "false",
        needs="a runtime of that age",
    ),
    Question("What happens to optional members that an update of a runtime omits?", "reset", omitted_members),
    Question("What answers a delete of a runtime in CREATING?", "ConflictException", delete_while_creating),
    Question("When is the name of a deleted runtime free, after it is not found?", "at once", name_of_a_deleted_runtime),
    Question(
        "What answers a create with the client token of a runtime that was deleted?",
        "the deleted runtime",
        client_token_of_a_deleted_runtime,
    ),
    Question(
        "What answers a create with a client token that was used with other parameters?",
        "ValidationException",
        client_token_with_other_parameters,
    ),
    Question("For how long is a client token remembered?", "forever", needs="a run that lasts for days"),
    Question("Which platform version does a runtime get that asks for none?", "V1", default_platform_version),
    Question("What is the status of a create whose warm-up hook fails?", "CREATE_FAILED", failing_warm_up),
    Question(
        "What answers a Get that a condition on the runtime's tag allows, once the runtime was deleted?",
        "AccessDeniedException",
        tag_scoped_get,
        real_only=True,
    ),
    Question(
        "Do `bedrock-agentcore:subnets` and `:securityGroups` work as condition keys?",
        "yes",
        needs="a VPC, and a role with such a policy",
    ),
    Question(
        "How does a container's refusal of a request, HTTP 4xx, reach the caller?",
        "as the container's own HTTP 4xx",
        refusal_by_a_container,
    ),
    Question(
        "Do Mcp-Method, Mcp-Name and Mcp-Protocol-Version reach the container without the allowlist?",
        "yes",
        needs="a server that returns the headers of its request",
    ),
    Question(
        "What is the health probe of an MCP server on platform version V2?",
        "",
        needs="a server that logs every request",
    ),
    Question(
        "Does a new session get a newer image if a tag moved?",
        "",
        needs="a repository, and two images pushed under one tag",
    ),
    Question("What happens to the log group of a deleted runtime?", "kept", log_group_of_a_deleted_runtime),
    Question("What answers FilterLogEvents with `startFromHead=false`, in this partition?", "accepted", newest_log_events),
    Question(
        "What answers an update of a gateway that adds an MCP version?",
        "ValidationException",
        change_of_a_gateway(add_a_version),
    ),
    Question(
        "What answers an update of a gateway that adds semantic search?",
        "ValidationException",
        change_of_a_gateway(add_search),
    ),
    Question(
        "What answers an update of a gateway without `protocolType`?",
        "ValidationException",
        change_of_a_gateway(drop_the_protocol),
    ),
    Question("What answers a delete of a gateway with targets?", "ConflictException", delete_of_a_gateway_with_targets),
    Question(
        "What is the status of a target with `mcpToolSchema` that signs with the gateway's role?",
        "READY",
        schema_with_a_signing_target,
    ),
    Question(
        "What is the status of a target with `mcpToolSchema` that gets tokens with client credentials?",
        "READY",
        schema_with_client_credentials,
    ),
    Question(
        "What answers SynchronizeGatewayTargets for a target with `mcpToolSchema`?",
        "ValidationException",
        synchronization_of_a_schema,
    ),
    Question(
        "Who reads a tool schema in S3: the caller, the gateway's role or both?",
        "the caller",
        needs="a bucket, and roles that may and may not read it",
    ),
    Question(
        "Who needs permissions on a customer managed key of the token vault or of a gateway?",
        "the caller",
        needs="a key, and a change of the vault of the whole account",
    ),
    Question(
        "Does Auth0 get the `audience` in a target's `customParameters`?",
        "yes",
        needs="a tenant of Auth0",
    ),
    Question(
        "What answers the create of an OAuth2 credential provider with a taken name?",
        "ValidationException",
        second_oauth2_provider,
    ),
    Question(
        "What answers the create of an API key credential provider with a taken name?",
        "ValidationException",
        second_api_key_provider,
    ),
    Question("What answers ListTagsForResource for an OAuth2 credential provider?", "accepted", tags_of_a_provider),
    Question(
        "What answers an update of an OAuth2 credential provider without the client secret?",
        "ValidationException",
        update_without_a_secret,
    ),
    Question(
        "What happens to the managed secret of a deleted credential provider?",
        "deleted at once",
        secret_of_a_deleted_provider,
    ),
    Question(
        "What answers the create of a provider with an external secret that has no resource policy?",
        "accepted",
        external_secret_without_a_policy,
    ),
    Question(
        "What answers the create of a provider with an external secret that lacks the key?",
        "ValidationException",
        external_secret_without_the_key,
    ),
    Question(
        "Whom does the resource policy of an external secret have to allow?",
        "nobody: it is read without a policy",
        reader_of_an_external_secret,
        real_only=True,
    ),
    Question(
        "For how long may an answer be sent to a custom resource's `ResponseURL`?",
        "two hours",
        needs="a stack that waits for more than an hour",
    ),
    Question(
        "Which physical id does the rollback of an update carry that replaced the resource?",
        "the new one",
        needs="a stack whose update fails after a replacement",
    ),
    Question(
        "Does Lambda's detection of recursive loops count calls of the AWS SDK for Rust?",
        "",
        needs="the function in a stack, and more than 16 hops",
    ),
]
