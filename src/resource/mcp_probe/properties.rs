//! What to probe, as whom, and what to expect.

use std::collections::{BTreeMap, BTreeSet};

use super::gateway::Gateway;
use crate::agentcore::target::TargetRef;
use crate::error::Error;
use crate::header_name::header_name_problem;
use crate::job::Job;
use crate::mcp::Catalogue;
use crate::mcp::url::RuntimeUrl;
use crate::oauth::Discovery;
use crate::oauth::client::{Client, PROPERTIES as CLIENT_PROPERTIES};
use crate::properties::PropertyReader;
use crate::sensitive::Sensitive;
use crate::ssrf::ssrf_objection;
use crate::stored_secret;
use crate::tags;
use crate::text::quote;

/// What a template may give.
pub(super) const NAMES: [&str; 20] = [
    "Endpoint",
    "GatewayTargetId",
    "Auth",
    "DiscoveryUrl",
    "Issuer",
    "ClientId",
    "ClientSecretId",
    "ClientSecretJsonKey",
    "ClientSecret",
    "Scopes",
    "CustomParameters",
    "MinimumTools",
    "ExpectedTools",
    "ExpectedToolCount",
    "Mode",
    "LogGroupName",
    "SecretId",
    "SecretHeaders",
    "RunOn",
    // Accepted like everywhere; a probe is nothing that could carry them.
    "Tags",
];
const TOOLS_MAX: i32 = 10_000;

/// What happens when the probe does not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The resource fails.
    Strict,
    /// The result says so.
    Report,
}

/// How the server is called.
#[derive(Debug)]
pub(crate) enum Auth {
    /// Signed as the function's role.
    Iam,
    /// With a token by client credentials.
    Bearer(Client),
    /// Without credentials: only that the server asks for the right ones.
    Anonymous,
    /// As the gateway asks it of its callers; with this client, where it asks for a token.
    OfGateway(Option<Client>),
}

/// What to probe.
#[derive(Debug)]
pub(crate) struct Properties {
    pub(crate) endpoint: String,
    /// The target of the gateway at the endpoint, if that is a gateway.
    pub(crate) target: Option<TargetRef>,
    pub(crate) auth: Auth,
    /// The IdP's discovery document.
    pub(crate) discovery: Option<Discovery>,
    pub(crate) mode: Mode,
    pub(crate) log_group_name: Option<String>,
    /// A secret whose values must not be quoted from the log.
    pub(crate) secret_id: Option<String>,
    /// Headers of every request, and the keys in the secret under which their values stand.
    secret_headers: BTreeMap<String, String>,
    minimum_tools: i32,
    expected_tools: Vec<String>,
    expected_tool_count: Option<i32>,
}

pub(super) fn parse(reader: &PropertyReader<'_>) -> Result<Properties, Error> {
    let endpoint = reader.required_string("Endpoint")?;
    if let Some(problem) = ssrf_objection(&endpoint) {
        let problem = format!("is {}, which {problem}; give an https URL", quote(&endpoint));
        return Err(Error::property("Endpoint", problem));
    }
    // The form with the ARN as it is answers nothing; a target's `Endpoint` is read alike.
    let endpoint = RuntimeUrl::parse(&endpoint).map_or(endpoint, |url| url.encoded());
    let target = target(reader)?;
    let modes = [("Strict", Mode::Strict), ("Report", Mode::Report)];
    // Read so that a template may change it to probe again; its value says nothing.
    reader.string("RunOn")?;
    tags::read(reader)?;
    let properties = Properties {
        endpoint,
        auth: auth(reader, target.is_some())?,
        target,
        discovery: discovery(reader)?,
        mode: reader.choice("Mode", &modes)?.unwrap_or(Mode::Strict),
        log_group_name: reader.string("LogGroupName")?,
        secret_id: reader.string("SecretId")?,
        secret_headers: secret_headers(reader)?,
        minimum_tools: reader.integer("MinimumTools", 0..=TOOLS_MAX)?.unwrap_or(1),
        expected_tools: reader.list("ExpectedTools")?,
        // Zero is what a probe counts that was given no credentials to ask with.
        expected_tool_count: reader.integer("ExpectedToolCount", 0..=TOOLS_MAX)?.filter(|count| *count > 0),
    };
    Ok(properties)
}

fn target(reader: &PropertyReader<'_>) -> Result<Option<TargetRef>, Error> {
    const NAME: &str = "GatewayTargetId";
    let Some(text) = reader.string(NAME)? else { return Ok(None) };
    let target = TargetRef::parse(&text).ok_or_else(|| {
        Error::property(
            NAME,
            format!("is {}; give `<gatewayId>/<targetId>`, the `Ref` of a gateway target", quote(&text)),
        )
    })?;
    Ok(Some(target))
}

/// Headers whose values stand in the secret, with their keys there.
fn secret_headers(reader: &PropertyReader<'_>) -> Result<BTreeMap<String, String>, Error> {
    const NAME: &str = "SecretHeaders";
    let headers = reader.map(NAME)?.unwrap_or_default();
    if headers.is_empty() {
        return Ok(headers);
    }
    let refuse = |problem: String| Err(Error::property(NAME, problem));
    if !reader.is_given("SecretId") {
        return refuse("names keys of a secret, and `SecretId` is missing; name the secret there".to_owned());
    }
    if reader.string("Auth")?.as_deref() == Some("ANONYMOUS") {
        return refuse("has no effect when `Auth` is ANONYMOUS; leave it out".to_owned());
    }
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
    Ok(headers)
}

fn auth(reader: &PropertyReader<'_>, of_gateway: bool) -> Result<Auth, Error> {
    let word = reader.choice("Auth", &[("IAM", "IAM"), ("BEARER", "BEARER"), ("ANONYMOUS", "ANONYMOUS")])?;
    if word.is_none() && of_gateway {
        let client = reader.is_given("ClientId").then(|| Client::read(reader, "`ClientId`")).transpose()?;
        return Ok(Auth::OfGateway(client));
    }
    let word = word.unwrap_or("IAM");
    if word != "BEARER" {
        let useless = ["DiscoveryUrl", "Issuer"].into_iter().filter(|_| word == "IAM").chain(CLIENT_PROPERTIES);
        for name in useless {
            if reader.is_given(name) {
                return Err(Error::property(name, format!("has no effect when `Auth` is {word}; leave it out")));
            }
        }
        return Ok(if word == "IAM" { Auth::Iam } else { Auth::Anonymous });
    }
    let client = Client::read(reader, "`Auth` BEARER")?;
    if !of_gateway {
        Discovery::read(reader, "`Auth` BEARER")?;
    }
    Ok(Auth::Bearer(client))
}

/// Where the IdP's discovery document is, if the template says.
fn discovery(reader: &PropertyReader<'_>) -> Result<Option<Discovery>, Error> {
    let given = ["DiscoveryUrl", "Issuer"].into_iter().any(|name| reader.is_given(name));
    given.then(|| Discovery::read(reader, "the probe")).transpose()
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
            // Of a header's value, HTTP allows visible ASCII and spaces; white space at its ends is lost.
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

    /// Whether the catalogue is what was expected: that of a server, or of the target behind `gateway`.
    pub(super) fn check(&self, catalogue: &Catalogue, gateway: Option<&Gateway>) -> Result<(), Error> {
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
            let sentence = format!("{who} lists {tools} where `MinimumTools` asks for {}{advice}", self.minimum_tools);
            return Err(Error::unverified("TOO_FEW_TOOLS", sentence));
        }
        if let Some(expected) = self.expected_tool_count
            && count != expected
        {
            let sentence = format!("{who} lists {tools} where `ExpectedToolCount` is {expected}{}", advice(None));
            return Err(Error::unverified("OTHER_TOOL_COUNT", sentence));
        }
        let missing: Vec<_> = self.expected_tools.iter().filter(|tool| !catalogue.tools.contains(tool)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let missing = missing.into_iter().map(|tool| format!("`{tool}`")).collect::<Vec<_>>().join(", ");
        let advice = advice(None);
        let sentence = format!("{who} does not list {missing} of `ExpectedTools`; it lists {tools}{advice}");
        Err(Error::unverified("TOOLS_MISSING", sentence))
    }
}
