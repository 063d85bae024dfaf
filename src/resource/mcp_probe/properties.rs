//! The properties of a probe: the server, the credentials, and the expected tools.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::gateway::Gateway;
use crate::agentcore::gateway_target::TargetRef;
use crate::code::Code;
use crate::error::Error;
use crate::header_name::header_name_problem;
use crate::job::Job;
use crate::mcp::{Call, Catalogue, ServerUrl};
use crate::oauth::client::{Client, ClientFields};
use crate::oauth::{Discovery, DiscoveryFields};
use crate::properties::{Choice, FromText, PropertyReader, PropertySet};
use crate::sensitive::Sensitive;
use crate::ssrf::callable_url;
use crate::stored_secret;
use crate::tags;
use crate::text::{nearest, quote};

const TOOLS_MAX: i32 = 10_000;

/// The consequence of a probe that does not pass.
#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The resource fails.
    #[choice("Strict")]
    Strict,
    /// The result says so.
    #[choice("Report")]
    Report,
}

/// The credentials of calls.
#[derive(Debug)]
pub(crate) enum Auth {
    /// Calls are signed as the function's role.
    Iam,
    /// Calls carry a token by client credentials.
    Bearer(Client),
    /// Calls carry no credentials, and the probe only checks that the server asks for the right ones.
    Anonymous,
    /// Calls carry the credentials that the gateway asks of its callers, with this client if that is a token.
    OfGateway(Option<Client>),
}

/// The values of the property `Auth`.
#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
enum AuthKind {
    #[choice("IAM")]
    Iam,
    #[choice("BEARER")]
    Bearer,
    #[choice("ANONYMOUS")]
    Anonymous,
}

/// The server to probe, the credentials and the expectations.
#[derive(Debug, PropertySet)]
#[properties(check = check)]
pub(crate) struct Properties {
    /// https URL of the server, such as a runtime's `McpUrl`. The ARN in it may be percent-encoded or not.
    #[property(name = "Endpoint", parse = endpoint)]
    pub(crate) endpoint: ServerUrl,
    /// Probe through a gateway: the `Ref` of a target. If `Auth` and the IdP are not given, they follow the gateway. Only this
    /// target's tools count (without the `<target>___`). If they differ from the expected ones, the target is synchronized
    /// once, and its tools are listed again. `Detail` reports how many names exceed the 64 characters that model APIs accept.
    #[property(name = "GatewayTargetId")]
    pub(crate) target: Option<TargetRef>,
    #[property(flatten = AuthFields, parse = |reader, fields| auth(reader, fields, target.is_some()), also = discovery)]
    pub(crate) auth: Auth,
    /// The IdP's discovery document.
    pub(crate) discovery: Option<Discovery>,
    /// Fewer tools fail the probe.
    #[property(name = "MinimumTools", range = 0..=TOOLS_MAX, default = 1)]
    minimum_tools: i32,
    /// Names of tools that must be listed.
    #[property(name = "ExpectedTools")]
    expected_tools: Vec<String>,
    /// The exact number of tools, such as the `ToolCount` of another probe. 0 is not compared.
    // Zero is what a probe counts that was given no credentials to ask with.
    #[property(name = "ExpectedToolCount", range = 0..=TOOLS_MAX, map = |count: Option<i32>| count.filter(|it| *it > 0))]
    expected_tool_count: Option<i32>,
    #[property(flatten = CallFields, parse = call)]
    pub(crate) call: Option<Call>,
    /// `Strict`: a failed probe fails the resource. `Report`: it succeeds, and `Result` says `FAILED:<code>`.
    #[property(name = "Mode", default = Mode::Strict)]
    pub(crate) mode: Mode,
    /// Log group of the runtime behind `Endpoint`. Its last lines are quoted when a container does not start or answer, if
    /// the same stack created the runtime.
    #[property(name = "LogGroupName")]
    pub(crate) log_group_name: Option<String>,
    /// Secret whose values are masked in those lines and in what the server says. If it cannot be read, nothing is quoted.
    #[property(name = "SecretId")]
    pub(crate) secret_id: Option<String>,
    /// Header names, each with a key in the secret of `SecretId`: `X-Api-Key: API_KEY` sends the value under `API_KEY` with
    /// every request. A runtime passes on the headers of its `RequestHeaders` only.
    #[property(name = "SecretHeaders", check = check_headers)]
    secret_headers: BTreeMap<String, String>,
    /// Opaque. A new value probes again: give the runtime's `AgentRuntimeVersion`.
    #[property(name = "RunOn")]
    _run_on: Option<String>,
    /// Accepted, and without effect.
    #[property(name = "Tags", check = tags::check)]
    _tags: BTreeMap<String, String>,
}

/// The properties of authorization.
#[derive(Debug, PropertySet)]
struct AuthFields {
    /// `IAM`: signed as the function's role. `BEARER`: with a token by client credentials, whose claims are compared first
    /// with the authorizer of a runtime in this Region and account. `ANONYMOUS`: no call succeeds; the probe checks that the
    /// endpoint asks for a token, and of the right issuer, and `Detail` says what keeps MCP clients from connecting. One of `DiscoveryUrl` and `Issuer` is required with `BEARER`,
    /// optional with `ANONYMOUS`, refused with `IAM`. `ClientId` and a secret are required with `BEARER`; they and the rest
    /// of the client's properties are refused otherwise. With `GatewayTargetId` and no `Auth`, `ClientId` stands for
    /// `BEARER`.
    #[property(name = "Auth", default_text = "`IAM`, or the gateway's")]
    kind: Option<AuthKind>,
    #[property(flatten)]
    idp: DiscoveryFields,
    #[property(flatten)]
    client: ClientFields,
}

/// The properties of a call.
#[derive(Debug, PropertySet)]
struct CallFields {
    /// Name of a tool, as the server lists it, that is called once the expected tools are listed: wrong credentials for what
    /// is behind the server then fail the probe, too. A call that fails may be repeated, so name a tool that only reads. It
    /// is not called if its annotations say that it changes something (`readOnlyHint` false, or `destructiveHint` true without
    /// `readOnlyHint`), and the probe fails; a tool without annotations is called. The result is ignored, but
    /// `isError` fails the probe with the tool's message. Refused with `ANONYMOUS`.
    #[property(name = "CallTool", chars = 128)]
    tool: Option<String>,
    /// Arguments of that call, as a JSON object. In a map, CloudFormation turns numbers into texts: give the JSON as text.
    #[property(name = "CallArguments")]
    arguments: Map<String, Value>,
}

impl FromText for TargetRef {
    fn from_text(text: String) -> Result<Self, String> {
        Self::parse(&text)
            .ok_or_else(|| format!("is {}; give `<gatewayId>/<targetId>`, the `Ref` of a gateway target", quote(&text)))
    }
}

#[allow(clippy::needless_pass_by_value, reason = "the signature of a conversion")]
fn endpoint(property: &str, endpoint: String) -> Result<ServerUrl, Error> {
    callable_url(endpoint.as_str()).map(ServerUrl::from).map_err(|problem| {
        let problem = format!("is {}, which {problem}; give an https URL", quote(&endpoint));
        Error::property(property, problem)
    })
}

/// Checks the headers whose values are in the secret.
fn check_headers(property: &str, headers: &BTreeMap<String, String>) -> Result<(), Error> {
    let refuse = |problem: String| Err(Error::property(property, problem));
    let mut seen = BTreeSet::new();
    for header in headers.keys() {
        let lower = header.to_ascii_lowercase();
        if let Some(objection) = header_name_problem(header) {
            return refuse(format!("gives {}, {objection}", quote(header)));
        }
        if lower == "authorization" || lower.starts_with("mcp-") {
            return refuse(format!("gives {}, which the probe sets itself; remove it", quote(header)));
        }
        if !seen.insert(lower) {
            return refuse(format!("gives {} twice; names differ by more than case", quote(header)));
        }
    }
    Ok(())
}

/// Refuses combinations that cannot work.
fn check(properties: &Properties) -> Result<(), Error> {
    let anonymous = matches!(properties.auth, Auth::Anonymous);
    let has_headers = !properties.secret_headers.is_empty();
    let (property, problem) = if properties.call.is_some() && anonymous {
        ("CallTool", "has no effect when `Auth` is ANONYMOUS; set it to IAM or BEARER, or leave this out")
    } else if has_headers && properties.secret_id.is_none() {
        ("SecretHeaders", "names keys of a secret, and `SecretId` is missing; name the secret there")
    } else if has_headers && anonymous {
        ("SecretHeaders", "has no effect when `Auth` is ANONYMOUS; leave it out")
    } else {
        return Ok(());
    };
    Err(Error::property(property, problem))
}

/// Returns the call of a tool, if the template names one.
fn call(_: &PropertyReader<'_>, fields: CallFields) -> Result<Option<Call>, Error> {
    match fields {
        CallFields { tool: Some(tool), arguments } => Ok(Some(Call { tool, arguments })),
        CallFields { tool: None, arguments } if arguments.is_empty() => Ok(None),
        CallFields { .. } => {
            Err(Error::property("CallArguments", "has no effect without `CallTool`; name the tool there"))
        }
    }
}

/// Returns the credentials of calls, and the IdP if the template names one.
fn auth(reader: &PropertyReader<'_>, fields: AuthFields, of_gateway: bool) -> Result<(Auth, Option<Discovery>), Error> {
    let AuthFields { kind, idp, client } = fields;
    let idp_property = reader.first_given(DiscoveryFields::TABLE);
    let client_property = reader.first_given(ClientFields::TABLE);
    let (auth, useless) = match (kind, of_gateway) {
        (None, true) => {
            let client = reader.is_given("ClientId").then(|| client.required_by("`ClientId`")).transpose()?;
            (Auth::OfGateway(client), None)
        }
        (Some(AuthKind::Iam) | None, _) => (Auth::Iam, idp_property.or(client_property).map(|name| (name, "IAM"))),
        (Some(AuthKind::Anonymous), _) => (Auth::Anonymous, client_property.map(|name| (name, "ANONYMOUS"))),
        (Some(AuthKind::Bearer), _) => (Auth::Bearer(client.required_by("`Auth` BEARER")?), None),
    };
    if let Some((name, word)) = useless {
        return Err(Error::property(name, format!("has no effect when `Auth` is {word}; leave it out")));
    }
    let needs_idp = matches!(auth, Auth::Bearer(_)) && !of_gateway;
    let discovery = (needs_idp || idp_property.is_some()).then(|| idp.required_by("`Auth` BEARER")).transpose()?;
    Ok((auth, discovery))
}

impl Properties {
    /// Reads the values of `SecretHeaders` from the secret. They are masked from now on.
    pub(super) async fn read_secret_headers(&self, job: &Job<'_>) -> Result<Vec<(String, Sensitive)>, Error> {
        let Some(secret_id) = self.secret_id.as_deref().filter(|_| !self.secret_headers.is_empty()) else {
            return Ok(Vec::new());
        };
        let stored = stored_secret::read(job, "SecretId", secret_id).await?;
        let read = |(header, key): (&String, &String)| {
            let value = stored.value(job, "SecretHeaders", key)?;
            // HTTP allows visible ASCII and spaces in a header's value, and white space at its ends is lost.
            let text = value.expose();
            if text.trim() != text || !text.chars().all(|c| c == ' ' || c.is_ascii_graphic()) {
                let problem = format!(
                    "takes {} from key {} of secret {}, whose value cannot be sent as a header: it has line breaks, \
                     characters that are not ASCII, or white space at an end",
                    quote(header),
                    quote(key),
                    stored.name
                );
                return Err(Error::property("SecretHeaders", problem));
            }
            Ok((header.to_ascii_lowercase(), value))
        };
        self.secret_headers.iter().map(read).collect()
    }

    /// Checks that the catalogue of a server, or of the target behind `gateway`, is the expected one.
    pub(super) fn check(&self, job: &Job<'_>, catalogue: &Catalogue, gateway: Option<&Gateway>) -> Result<(), Error> {
        let count = i32::try_from(catalogue.tools.len()).unwrap_or(i32::MAX);
        let (who, tools, remedy) = match gateway {
            None => ("the server", format!("{count} tools"), None),
            Some(gateway) => {
                ("the gateway", format!("{count} tools of target {}", gateway.target_name()), Some(gateway.remedy()))
            }
        };
        let advice = |server: Option<&str>| remedy.or(server).map(|it| format!("; {it}")).unwrap_or_default();
        if count < self.minimum_tools {
            let advice = advice(Some("check which tools its settings enable"));
            let sentence = format!("{who} lists {tools} where `MinimumTools` is {}{advice}", self.minimum_tools);
            return Err(Error::unverified(Code::TooFewTools, sentence));
        }
        if let Some(expected) = self.expected_tool_count
            && count != expected
        {
            let sentence = format!("{who} lists {tools} where `ExpectedToolCount` is {expected}{}", advice(None));
            return Err(Error::unverified(Code::OtherToolCount, sentence));
        }
        let is_missing = |call: &&Call| !catalogue.tools.contains(&call.tool);
        if let Some(Call { tool, .. }) = self.call.as_ref().filter(is_missing) {
            let similar = nearest(tool, catalogue.tools.iter().map(String::as_str));
            let similar = similar.map(|name| format!("; did you mean {}?", job.quote(name))).unwrap_or_default();
            let sentence =
                format!("{who} does not list {} of `CallTool`; it lists {tools}{similar}{}", quote(tool), advice(None));
            return Err(Error::unverified(Code::ToolsMissing, sentence));
        }
        if let Some(Call { tool, .. }) = self.call.as_ref().filter(|call| catalogue.changing.contains(&call.tool)) {
            let sentence = format!(
                "the tool {} of `CallTool` was not called, because its annotations say that it changes something; name \
                 one that only reads",
                quote(tool)
            );
            return Err(Error::unverified(Code::ToolNotReadOnly, sentence));
        }
        let missing: Vec<_> = self.expected_tools.iter().filter(|tool| !catalogue.tools.contains(tool)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let missing = missing.into_iter().map(|tool| format!("`{tool}`")).collect::<Vec<_>>().join(", ");
        let advice = advice(None);
        let sentence = format!("{who} does not list {missing} of `ExpectedTools`; it lists {tools}{advice}");
        Err(Error::unverified(Code::ToolsMissing, sentence))
    }
}
