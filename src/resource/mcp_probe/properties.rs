//! What to probe, as whom, and what to expect.

use super::gateway::Gateway;
use crate::agentcore::target::TargetRef;
use crate::error::Error;
use crate::mcp::Catalogue;
use crate::oauth::Discovery;
use crate::oauth::client::{Client, PROPERTIES as CLIENT_PROPERTIES};
use crate::properties::{PropertyReader, quote};
use crate::resource::read_tags;

/// What a template may give.
pub(super) const NAMES: [&str; 19] = [
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
    minimum_tools: i32,
    expected_tools: Vec<String>,
    expected_tool_count: Option<i32>,
}

pub(super) fn parse(reader: &PropertyReader<'_>) -> Result<Properties, Error> {
    let endpoint = reader.required_string("Endpoint")?;
    if !endpoint.starts_with("https://") {
        return Err(Error::property("Endpoint", format!("is {}; give an https URL", quote(&endpoint))));
    }
    let target = target(reader)?;
    let modes = [("Strict", Mode::Strict), ("Report", Mode::Report)];
    // Read so that a template may change it to probe again; its value says nothing.
    reader.string("RunOn")?;
    read_tags(reader)?;
    let properties = Properties {
        endpoint,
        auth: auth(reader, target.is_some())?,
        target,
        discovery: discovery(reader)?,
        mode: reader.choice("Mode", &modes)?.unwrap_or(Mode::Strict),
        log_group_name: reader.string("LogGroupName")?,
        secret_id: reader.string("SecretId")?,
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
