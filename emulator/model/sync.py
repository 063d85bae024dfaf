#!/usr/bin/env python3
"""Derives the emulator's constraint tables from the service models that botocore carries.

    python3 emulator/model/sync.py            rewrites the tables beside this file
    python3 emulator/model/sync.py --check    compares them with the installed botocore

The check fails where a call that our table lets through would be refused by the API, or where a request or an answer
would have another shape on the wire: a missing operation, a weaker or missing constraint, a member or enum value that
the API does not have, another pattern (which of two patterns allows more cannot be decided by looking), another HTTP
binding. Where the API has merely grown (a new optional member, one more enum value, a wider range, a lifted constraint)
our table is the stricter of the two, which is what an emulator may be, so that is printed as a note: a new release of
botocore alone must not turn the build red.
"""

import gzip
import json
import pathlib
import sys

import botocore

# The one list of what is emulated. A new operation is one more name here and a rewrite of the tables.
OPERATIONS = {
    "bedrock-agentcore": [
        "InvokeAgentRuntime",
    ],
    "bedrock-agentcore-control": [
        "CreateAgentRuntime",
        "CreateAgentRuntimeEndpoint",
        "CreateApiKeyCredentialProvider",
        "CreateGateway",
        "CreateGatewayTarget",
        "CreateOauth2CredentialProvider",
        "CreateWorkloadIdentity",
        "DeleteAgentRuntime",
        "DeleteAgentRuntimeEndpoint",
        "DeleteApiKeyCredentialProvider",
        "DeleteGateway",
        "DeleteGatewayTarget",
        "DeleteOauth2CredentialProvider",
        "DeleteResourcePolicy",
        "DeleteWorkloadIdentity",
        "GetAgentRuntime",
        "GetAgentRuntimeEndpoint",
        "GetApiKeyCredentialProvider",
        "GetGateway",
        "GetGatewayTarget",
        "GetOauth2CredentialProvider",
        "GetResourcePolicy",
        "GetWorkloadIdentity",
        "ListAgentRuntimeEndpoints",
        "ListAgentRuntimeVersions",
        "ListAgentRuntimes",
        "ListApiKeyCredentialProviders",
        "ListGatewayTargets",
        "ListGateways",
        "ListOauth2CredentialProviders",
        "ListTagsForResource",
        "ListWorkloadIdentities",
        "PutResourcePolicy",
        "SynchronizeGatewayTargets",
        "TagResource",
        "UntagResource",
        "UpdateAgentRuntime",
        "UpdateAgentRuntimeEndpoint",
        "UpdateApiKeyCredentialProvider",
        "UpdateGateway",
        "UpdateGatewayTarget",
        "UpdateOauth2CredentialProvider",
        "UpdateWorkloadIdentity",
    ],
    "cloudformation": [
        "DescribeStacks",
    ],
    "logs": [
        "AssociateKmsKey",
        "CreateLogGroup",
        "DeleteLogGroup",
        "DeleteRetentionPolicy",
        "DescribeLogGroups",
        "DescribeLogStreams",
        "DisassociateKmsKey",
        "FilterLogEvents",
        "GetLogEvents",
        "ListTagsForResource",
        "PutRetentionPolicy",
        "TagResource",
        "UntagResource",
    ],
    "secretsmanager": [
        "CreateSecret",
        "DeleteSecret",
        "DescribeSecret",
        "GetSecretValue",
        "ListSecrets",
        "PutSecretValue",
        "RestoreSecret",
        "TagResource",
        "UntagResource",
        "UpdateSecret",
        "UpdateSecretVersionStage",
    ],
    "sts": [
        "GetCallerIdentity",
    ],
}

HERE = pathlib.Path(__file__).parent

# Traits that the emulator enforces or that say nothing about what is accepted. Any other trait stops this program,
# because a constraint nobody implements would be a leniency nobody sees.
REMARKS = {"documentation", "box", "deprecated", "deprecatedMessage", "deprecatedSince"}
SHAPE_TRAITS = REMARKS | {"type", "required", "members", "union", "member", "key", "value", "min", "max", "pattern"}
SHAPE_TRAITS |= {"enum", "sensitive", "timestampFormat", "error", "exception", "fault", "synthetic"}
SHAPE_TRAITS |= {"payload", "retryable", "document"}
MEMBER_TRAITS = REMARKS | {"shape", "location", "locationName", "idempotencyToken"}
OPERATION_TRAITS = REMARKS | {"name", "http", "input", "output", "errors", "idempotent", "readonly", "documentationUrl"}
TYPES = {"structure", "list", "map", "string", "integer", "long", "boolean", "blob", "timestamp"}

# Patterns of the service model that the service itself does not keep, and what stands in the tables instead.
PATTERNS = {
    # The ARNs that the API answers with are of the service bedrock-agentcore, and names have underscores.
    "ApiKeyCredentialProviderArnType": (
        "arn:(aws|aws-us-gov):acps:[A-Za-z0-9-]{1,64}:[0-9]{12}:token-vault/[a-zA-Z0-9-.]+"
        "/apikeycredentialprovider/[a-zA-Z0-9-.]+",
        "arn:(aws|aws-us-gov):bedrock-agentcore:[A-Za-z0-9-]{1,64}:[0-9]{12}:token-vault/[a-zA-Z0-9-.]+"
        "/apikeycredentialprovider/[a-zA-Z0-9-_]+",
    ),
    "CredentialProviderArnType": (
        "arn:(aws|aws-us-gov):acps:[A-Za-z0-9-]{1,64}:[0-9]{12}:token-vault/[a-zA-Z0-9-.]+"
        "/oauth2credentialprovider/[a-zA-Z0-9-.]+",
        "arn:(aws|aws-us-gov):bedrock-agentcore:[A-Za-z0-9-]{1,64}:[0-9]{12}:token-vault/[a-zA-Z0-9-.]+"
        "/oauth2credentialprovider/[a-zA-Z0-9-_]+",
    ),
    # Without digits no credential provider could be tagged, which CreateOauth2CredentialProvider offers. Whether the
    # service refuses them is not known, so the emulator can do either.
    "TaggableResourcesArn": (
        "arn:(?:[^:]+)?:bedrock-agentcore:[a-z0-9-]+:[0-9]{12}:([a-z-]+/[^/]+)(?:/[a-z-]+/[^/]+)*",
        "arn:(?:[^:]+)?:bedrock-agentcore:[a-z0-9-]+:[0-9]{12}:([a-z-]+/[^/]+)(?:/[a-z0-9-]+/[^/]+)*",
    ),
}


class Unknown(Exception):
    """Something in the service model that neither this program nor the emulator knows."""


def service_model(service):
    """The newest service model of that name in the installed botocore."""
    versions = sorted((pathlib.Path(botocore.__file__).parent / "data" / service).glob("*/service-2.json*"))
    if not versions:
        raise Unknown(f"{service}: the installed botocore {botocore.__version__} has no such service")
    raw = versions[-1].read_bytes()
    return json.loads(gzip.decompress(raw) if versions[-1].suffix == ".gz" else raw)


def known(traits, allowed, where):
    unknown = sorted(set(traits) - allowed)
    if unknown:
        raise Unknown(f"{where}: unknown {', '.join(unknown)}; teach it to sync.py and model.rs first")


def table_member(member, where):
    known(member, MEMBER_TRAITS, where)
    entry = {"shape": member["shape"]}
    location = member.get("location")
    if location is not None:
        if location not in ("uri", "querystring", "header"):
            raise Unknown(f"{where}: unknown location {location}")
        entry["location"] = location
        entry["name"] = member["locationName"]
    if member.get("idempotencyToken"):
        entry["idempotencyToken"] = True
    return entry


def name_on_the_wire(key, member):
    """The key of a member in a body, which the model may call something else in code."""
    return key if "location" in member else member.get("locationName", key)


def table_shape(name, shape):
    """One shape, and the names of the shapes it refers to."""
    known(shape, SHAPE_TRAITS, name)
    if shape["type"] not in TYPES:
        raise Unknown(f"{name}: unknown type {shape['type']}")
    if shape.get("document"):
        # Any JSON value: nothing to constrain and nothing to refer to.
        if shape["type"] != "structure" or shape["members"]:
            raise Unknown(f"{name}: a document with members")
        return {"type": "document"}, []
    entry = {key: shape[key] for key in ("type", "min", "max", "pattern", "union", "sensitive") if key in shape}
    if name in PATTERNS:
        theirs, entry["pattern"] = PATTERNS[name]
        if shape.get("pattern") != theirs:
            raise Unknown(f"{name}: the pattern changed, look whether PATTERNS still has to replace it")
    if shape.get("enum"):
        entry["enum"] = sorted(shape["enum"])
    references = []
    if "payload" in shape:
        entry["payload"] = shape["payload"]
    if shape["type"] == "structure":
        names = {key: name_on_the_wire(key, member) for key, member in shape["members"].items()}
        if shape.get("required"):
            entry["required"] = sorted(names[key] for key in shape["required"])
        entry["members"] = {
            names[key]: table_member(member, f"{name}.{key}") for key, member in shape["members"].items()
        }
        references += [member["shape"] for member in shape["members"].values()]
    for part in ("member", "key", "value"):
        if part in shape:
            known(shape[part], {"shape", "locationName", "documentation"}, f"{name}.{part}")
            entry[part] = shape[part]["shape"]
            references.append(entry[part])
    if shape["type"] == "timestamp":
        # Without the trait, the JSON protocols write seconds since the epoch in a body.
        entry["timestampFormat"] = shape.get("timestampFormat", "unixTimestamp")
        if entry["timestampFormat"] not in ("unixTimestamp", "iso8601"):
            raise Unknown(f"{name}: unknown timestamp format {entry['timestampFormat']}")
    if shape.get("exception"):
        # A JSON-RPC service names no status: its errors are 400, its faults 500.
        entry["error"] = shape.get("error", {}).get("httpStatusCode", 500 if shape.get("fault") else 400)
    return entry, references


def table(service):
    """The constraint table of one service."""
    model = service_model(service)
    metadata = model["metadata"]
    if metadata["protocol"] not in ("rest-json", "json", "query"):
        raise Unknown(f"{service}: unknown protocol {metadata['protocol']}")
    result = {
        "apiVersion": metadata["apiVersion"],
        "operations": {},
        "protocol": metadata["protocol"],
        "shapes": {},
        "signingName": metadata.get("signingName", metadata["endpointPrefix"]),
    }
    if "targetPrefix" in metadata:
        result["targetPrefix"] = metadata["targetPrefix"]
    wanted = []
    for name in OPERATIONS[service]:
        if name not in model["operations"]:
            raise Unknown(f"{service}.{name}: the installed botocore {botocore.__version__} has no such operation")
        operation = model["operations"][name]
        known(operation, OPERATION_TRAITS, name)
        uri = operation["http"]["requestUri"]
        if "?" in uri or "+" in uri:
            raise Unknown(f"{name}: the URI {uri} has a query or a greedy label")
        status = operation["http"].get("responseCode", 200)
        entry = {"method": operation["http"]["method"], "uri": uri, "status": status}
        for direction in ("input", "output"):
            if direction in operation:
                # What comes back is whatever the payload's author wrote: nothing to check it against.
                if direction == "output" and "payload" in model["shapes"][operation[direction]["shape"]]:
                    continue
                known(operation[direction], {"shape", "resultWrapper"}, f"{name}.{direction}")
                if operation[direction].get("resultWrapper", f"{name}Result") != f"{name}Result":
                    raise Unknown(f"{name}: the answer is not wrapped in {name}Result")
                entry[direction] = operation[direction]["shape"]
                wanted.append(entry[direction])
        if "output" in entry:
            members = model["shapes"][entry["output"]]["members"].values()
            if any("location" in member for member in members):
                raise Unknown(f"{name}: an output member outside of the body")
        entry["errors"] = sorted(error["shape"] for error in operation.get("errors", []))
        wanted += entry["errors"]
        result["operations"][name] = entry
    while wanted:
        name = wanted.pop()
        if name not in result["shapes"]:
            result["shapes"][name], references = table_shape(name, model["shapes"][name])
            wanted += references
    if metadata["protocol"] == "query":
        # Its XML has ISO 8601, whatever the traits leave out.
        for shape in result["shapes"].values():
            if shape["type"] == "timestamp":
                shape["timestampFormat"] = "iso8601"
    return result


def text(entry):
    """One operation or shape a line, sorted: a change of the API reads as the lines it changed."""
    lines = ["{"]
    for key in sorted(entry):
        comma = "" if key == max(entry) else ","
        if key in ("operations", "shapes"):
            rows = [f"{json.dumps(name)}:{compact(value)}" for name, value in sorted(entry[key].items())]
            lines += [f"{json.dumps(key)}:{{", ",\n".join(rows), "}" + comma]
        else:
            lines.append(f"{json.dumps(key)}:{json.dumps(entry[key])}{comma}")
    return "\n".join(lines) + "\n}\n"


def compact(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def compare(ours, theirs, where):
    """Yields (is it a failure, text) for every difference between a table and the API."""
    for key in ("apiVersion", "protocol", "signingName", "targetPrefix"):
        if ours.get(key) != theirs.get(key):
            yield True, f"{where}: {key} is {ours.get(key)}, the API has {theirs.get(key)}"
    for kind in ("operations", "shapes"):
        for name in sorted(set(ours[kind]) | set(theirs[kind])):
            place = f"{where}.{name}"
            if name not in ours[kind]:
                # A shape that only new members lead to is missed by nobody: the operation or member is the finding.
                yield kind == "operations", f"{place}: missing from the table"
            elif name not in theirs[kind]:
                yield True, f"{place}: the API has no such {kind[:-1]}, or no longer reaches it"
            elif kind == "operations":
                yield from compare_operation(ours[kind][name], theirs[kind][name], place)
            else:
                yield from compare_shape(ours[kind][name], theirs[kind][name], place)


def compare_operation(ours, theirs, where):
    for key in ("method", "uri", "status", "input", "output"):
        if ours.get(key) != theirs.get(key):
            yield True, f"{where}: {key} is {ours.get(key)}, the API has {theirs.get(key)}"
    for error in set_difference(ours["errors"], theirs["errors"]):
        yield True, f"{where}: the API does not answer with {error}"
    for error in set_difference(theirs["errors"], ours["errors"]):
        yield False, f"{where}: the API may also answer with {error}"


def compare_shape(ours, theirs, where):
    for key in ("type", "timestampFormat", "error", "member", "key", "value", "payload"):
        if ours.get(key) != theirs.get(key):
            yield True, f"{where}: {key} is {ours.get(key)}, the API has {theirs.get(key)}"
    for key, tighter in (("min", lambda mine, other: mine > other), ("max", lambda mine, other: mine < other)):
        mine, other = ours.get(key), theirs.get(key)
        if mine != other:
            stricter = other is None or (mine is not None and tighter(mine, other))
            yield not stricter, f"{where}: {key} is {mine}, the API has {other}"
    if ours.get("pattern") != theirs.get("pattern"):
        lifted = "pattern" not in theirs
        yield not lifted, f"{where}: pattern is {ours.get('pattern')}, the API has {theirs.get('pattern')}"
    # A value not marked as sensitive may be shown in an error: a missing mark is a failure like a missing constraint.
    for flag in ("union", "sensitive"):
        mine, other = ours.get(flag, False), theirs.get(flag, False)
        if mine != other:
            yield other, f"{where}: {flag} is {mine}, the API has {other}"
    if "enum" in theirs and "enum" not in ours:
        yield True, f"{where}: the enum {', '.join(theirs['enum'])} is missing from the table"
    elif "enum" in ours:
        for value in set_difference(ours["enum"], theirs.get("enum", ours["enum"])):
            yield True, f"{where}: the API refuses {value}"
        for value in set_difference(theirs.get("enum", []), ours["enum"]):
            yield False, f"{where}: the API also knows {value}"
        if "enum" not in theirs:
            yield False, f"{where}: the API takes any value"
    for member in set_difference(theirs.get("required", []), ours.get("required", [])):
        yield True, f"{where}: the API requires {member}"
    for member in set_difference(ours.get("required", []), theirs.get("required", [])):
        yield False, f"{where}: the API does not require {member}"
    mine, other = ours.get("members", {}), theirs.get("members", {})
    for member in set_difference(mine, other):
        yield True, f"{where}: the API has no member {member}"
    for member in set_difference(other, mine):
        yield False, f"{where}: the API also has a member {member}"
    for member in sorted(set(mine) & set(other)):
        if mine[member] != other[member]:
            yield True, f"{where}.{member}: is {compact(mine[member])}, the API has {compact(other[member])}"


def set_difference(left, right):
    return sorted(set(left) - set(right))


def main(arguments):
    if arguments not in ([], ["--check"]):
        sys.exit(f"usage: {sys.argv[0]} [--check]")
    failures = 0
    for service in sorted(OPERATIONS):
        path = HERE / f"{service}.json"
        try:
            theirs = table(service)
        except Unknown as unknown:
            sys.exit(f"error: {unknown}")
        if not arguments:
            path.write_text(text(theirs))
            continue
        try:
            ours = json.loads(path.read_text())
        except (OSError, ValueError) as problem:
            sys.exit(f"error: {path.name}: {problem}")
        for failure, finding in compare(ours, theirs, service):
            print(f"{'error' if failure else 'note'}: {finding}", file=sys.stderr)
            failures += failure
    if failures:
        advice = "run sync.py without --check, then read the diff"
        sys.exit(f"{failures} difference(s) from botocore {botocore.__version__}: {advice}")


if __name__ == "__main__":
    main(sys.argv[1:])
