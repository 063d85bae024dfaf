//! What to probe, as whom, and what to expect.

use crate::error::Error;
use crate::mcp::Catalogue;
use crate::oauth;
use crate::oauth::client::{Client, PROPERTIES as CLIENT_PROPERTIES};
use crate::properties::{PropertyReader, quote};
use crate::resource::read_tags;

/// What a template may give.
pub(super) const NAMES: [&str; 18] = [
    "Endpoint",
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

/// The client that gets a token, and where.
#[derive(Debug)]
pub(crate) struct BearerClient {
    pub(crate) discovery_url: String,
    pub(crate) client: Client,
}

/// How the server is called.
#[derive(Debug)]
pub(crate) enum Auth {
    /// Signed as the function's role.
    Iam,
    /// With a token by client credentials.
    Bearer(BearerClient),
    /// Without credentials: only that the server asks for the right ones.
    Anonymous,
}

/// What to probe.
#[derive(Debug)]
pub(crate) struct Properties {
    pub(crate) endpoint: String,
    pub(crate) auth: Auth,
    /// The IdP's discovery document, for [`Auth::Anonymous`].
    pub(crate) discovery_url: Option<String>,
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
    let modes = [("Strict", Mode::Strict), ("Report", Mode::Report)];
    // Read so that a template may change it to probe again; its value says nothing.
    reader.string("RunOn")?;
    read_tags(reader)?;
    let properties = Properties {
        endpoint,
        auth: auth(reader)?,
        discovery_url: discovery_url(reader)?,
        mode: reader.choice("Mode", &modes)?.unwrap_or(Mode::Strict),
        log_group_name: reader.string("LogGroupName")?,
        secret_id: reader.string("SecretId")?,
        minimum_tools: reader.integer("MinimumTools", 0..=TOOLS_MAX)?.unwrap_or(1),
        expected_tools: reader.list("ExpectedTools")?,
        expected_tool_count: reader.integer("ExpectedToolCount", 0..=TOOLS_MAX)?,
    };
    Ok(properties)
}

fn auth(reader: &PropertyReader<'_>) -> Result<Auth, Error> {
    let word = reader.choice("Auth", &[("IAM", "IAM"), ("BEARER", "BEARER"), ("ANONYMOUS", "ANONYMOUS")])?;
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
    let discovery_url = discovery_url(reader)?.ok_or_else(|| {
        Error::property("DiscoveryUrl", "is missing; `Auth` BEARER needs it, or `Issuer` to derive it from")
    })?;
    Ok(Auth::Bearer(BearerClient { discovery_url, client: Client::read(reader, "`Auth` BEARER")? }))
}

/// The given URL, or the one below the issuer.
fn discovery_url(reader: &PropertyReader<'_>) -> Result<Option<String>, Error> {
    let given = reader.string("DiscoveryUrl")?;
    Ok(given.or(reader.string("Issuer")?.map(|issuer| oauth::discovery_url(&issuer))))
}

impl Properties {
    /// Whether the catalogue is what was expected.
    pub(super) fn check(&self, catalogue: &Catalogue) -> Result<(), Error> {
        let count = i32::try_from(catalogue.tools.len()).unwrap_or(i32::MAX);
        if count < self.minimum_tools {
            let sentence = format!(
                "the server lists {count} tools where `MinimumTools` asks for {}; check which tools its settings enable",
                self.minimum_tools
            );
            return Err(Error::unverified("TOO_FEW_TOOLS", sentence));
        }
        if let Some(expected) = self.expected_tool_count
            && count != expected
        {
            let sentence = format!("the server lists {count} tools where `ExpectedToolCount` is {expected}");
            return Err(Error::unverified("OTHER_TOOL_COUNT", sentence));
        }
        let missing: Vec<_> = self.expected_tools.iter().filter(|tool| !catalogue.tools.contains(tool)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let missing = missing.into_iter().map(|tool| format!("`{tool}`")).collect::<Vec<_>>().join(", ");
        let sentence = format!("the server does not list {missing} of `ExpectedTools`; it lists {count} tools");
        Err(Error::unverified("TOOLS_MISSING", sentence))
    }
}
