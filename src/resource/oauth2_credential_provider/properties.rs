//! The desired state of a credential provider as the template gives it, and the checks that need no call.

use std::collections::BTreeMap;

use aws_sdk_bedrockagentcorecontrol::types::{ClientAuthenticationMethodType, SecretSourceType};

use super::vendor::{Family, KnownVendor, VENDORS, Vendor};
use crate::error::Error;
use crate::https_url;
use crate::oauth::Discovery;
use crate::oauth::client::ClientSecret;
use crate::properties::{PropertyReader, at_most};
use crate::requester::Requester;
use crate::tags;
use crate::text::quote;

/// What a template may give.
pub(super) const NAMES: [&str; 15] = [
    "Name",
    "Vendor",
    "DiscoveryUrl",
    "Issuer",
    "ClientId",
    "ClientSecret",
    "ClientSecretId",
    "ClientSecretJsonKey",
    "ClientSecretSource",
    "TokenEndpointQuery",
    "ClientAuthenticationMethod",
    "AuthorizationEndpoint",
    "TokenEndpoint",
    "TenantId",
    "Tags",
];
/// The lengths of the API reference, in characters.
const NAME_CHARS_MAX: usize = 128;
const CLIENT_ID_CHARS_MAX: usize = 256;
pub(super) const CLIENT_SECRET_CHARS_MAX: usize = 2048;
const SECRET_ID_CHARS_MAX: usize = 2048;
const SECRET_KEY_CHARS_MAX: usize = 128;
const TENANT_ID_CHARS_MAX: usize = 2048;

/// The desired state.
#[derive(Debug)]
pub(crate) struct Properties {
    /// Chosen name; otherwise one is generated.
    pub name: Option<String>,
    /// Whose endpoints.
    pub vendor: Vendor,
    /// The client's id at the IdP.
    pub client_id: String,
    /// The client's secret.
    pub secret: Secret,
    /// Where the endpoints are.
    pub idp: Idp<CustomIdp>,
    /// The user's tags.
    pub tags: BTreeMap<String, String>,
}

/// Where AgentCore takes the client's secret from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Secret {
    /// From a copy of its own, written with every update.
    Managed(ClientSecret),
    /// From a secret of the user's, whenever a token is asked for.
    External {
        /// Name or ARN.
        secret_id: String,
        /// The key in its JSON object.
        key: String,
    },
}

/// The endpoints by family. `C` is what is said of a custom IdP.
#[derive(Clone, Debug)]
pub(crate) enum Idp<C> {
    Custom(C),
    Known(KnownVendor),
    Microsoft { tenant_id: Option<String> },
    Included(Endpoints),
}

/// A custom IdP as the template describes it.
#[derive(Clone, Debug)]
pub(crate) struct CustomIdp {
    /// The discovery document.
    pub discovery: Discovery,
    /// What the token endpoint is to be asked with.
    pub token_endpoint_query: Option<String>,
    /// How the client shows its secret; otherwise what the discovery document asks for.
    pub method: Option<ClientAuthenticationMethodType>,
}

/// What an included vendor may be told.
#[derive(Clone, Debug)]
pub(crate) struct Endpoints {
    pub issuer: Option<String>,
    pub authorization_endpoint: Option<String>,
    pub token_endpoint: Option<String>,
}

impl Secret {
    /// The API's word for it.
    #[must_use]
    pub(crate) fn source(&self) -> SecretSourceType {
        match self {
            Self::Managed(_) => SecretSourceType::Managed,
            Self::External { .. } => SecretSourceType::External,
        }
    }
}

impl Properties {
    /// The provider's name, unless it replaces another.
    #[must_use]
    pub(crate) fn name(&self, requester: &Requester) -> String {
        self.name.clone().unwrap_or_else(|| requester.derived_name())
    }

    /// Whether the provider `physical_id` has the name that is asked for.
    #[must_use]
    pub(crate) fn keeps(&self, physical_id: &str, requester: &Requester) -> bool {
        match &self.name {
            Some(name) => name == physical_id,
            None => requester.is_derived_name(physical_id),
        }
    }
}

/// `[a-zA-Z0-9\-_]{1,128}` (API reference, CreateOauth2CredentialProvider).
#[must_use]
pub(crate) fn is_name(name: &str) -> bool {
    (1..=NAME_CHARS_MAX).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
}

pub(super) fn parse(reader: &PropertyReader<'_>) -> Result<Properties, Error> {
    let name = reader.string("Name")?;
    if let Some(name) = name.as_deref().filter(|name| !is_name(name)) {
        let problem =
            format!("is {}; use at most {NAME_CHARS_MAX} letters, digits, hyphens and underscores", quote(name));
        return Err(Error::property("Name", problem));
    }
    let vendor = reader.choice("Vendor", &VENDORS.map(|vendor| (vendor.word, vendor)))?.unwrap_or(VENDORS[0]);
    let client_id = reader.required_string("ClientId")?;
    at_most("ClientId", &client_id, CLIENT_ID_CHARS_MAX)?;
    check_combination(reader, vendor)?;
    let idp = match vendor.family {
        Family::Custom => Idp::Custom(custom(reader)?),
        Family::Known(known) => Idp::Known(known),
        Family::Microsoft => Idp::Microsoft { tenant_id: tenant_id(reader)? },
        Family::Included => Idp::Included(Endpoints {
            issuer: https_url(reader, "Issuer")?,
            authorization_endpoint: https_url(reader, "AuthorizationEndpoint")?,
            token_endpoint: https_url(reader, "TokenEndpoint")?,
        }),
    };
    Ok(Properties { name, vendor, client_id, secret: secret(reader)?, idp, tags: tags::read(reader)? })
}

/// Refuses what the vendor's family has no member for.
fn check_combination(reader: &PropertyReader<'_>, vendor: Vendor) -> Result<(), Error> {
    let family = vendor.family;
    let custom = ("CustomOauth2", family == Family::Custom);
    let microsoft = ("MicrosoftOauth2", family == Family::Microsoft);
    let included = ("one of the included vendors, such as OktaOauth2", family == Family::Included);
    let either = ("CustomOauth2 or one of the included vendors, such as OktaOauth2", custom.1 || included.1);
    let rules = [
        ("DiscoveryUrl", custom),
        ("Issuer", either),
        ("TokenEndpointQuery", custom),
        ("ClientAuthenticationMethod", custom),
        ("AuthorizationEndpoint", included),
        ("TokenEndpoint", included),
        ("TenantId", microsoft),
    ];
    for (name, (wanted, taken)) in rules {
        if !taken && reader.is_given(name) {
            let problem =
                format!("has no effect when `Vendor` is {}; leave it out, or set `Vendor` to {wanted}", vendor.word);
            return Err(Error::property(name, problem));
        }
    }
    Ok(())
}

fn secret(reader: &PropertyReader<'_>) -> Result<Secret, Error> {
    let sources = [("MANAGED", false), ("EXTERNAL", true)];
    let external = reader.choice("ClientSecretSource", &sources)?.unwrap_or(false);
    let secret = ClientSecret::read(reader)?;
    match &secret {
        Some(ClientSecret::Given(value)) => at_most("ClientSecret", value.expose(), CLIENT_SECRET_CHARS_MAX)?,
        Some(ClientSecret::Stored { secret_id, key }) => {
            at_most("ClientSecretId", secret_id, SECRET_ID_CHARS_MAX)?;
            at_most("ClientSecretJsonKey", key, SECRET_KEY_CHARS_MAX)?;
        }
        None => {}
    }
    if reader.is_given("ClientSecretJsonKey") && !reader.is_given("ClientSecretId") {
        let problem = "has no effect without `ClientSecretId`; add it or leave this out";
        return Err(Error::property("ClientSecretJsonKey", problem));
    }
    match (secret, external) {
        (Some(secret), false) => Ok(Secret::Managed(secret)),
        (Some(ClientSecret::Stored { secret_id, key }), true) => Ok(Secret::External { secret_id, key }),
        (Some(ClientSecret::Given(_)), true) => Err(Error::property(
            "ClientSecret",
            "cannot be used when `ClientSecretSource` is EXTERNAL; store it in a secret and give `ClientSecretId` and \
             `ClientSecretJsonKey`, or set `ClientSecretSource` to MANAGED",
        )),
        (None, true) => Err(Error::property(
            "ClientSecretId",
            "is missing; `ClientSecretSource` EXTERNAL needs it and `ClientSecretJsonKey`",
        )),
        (None, false) => Err(Error::property(
            "ClientSecretId",
            "is missing; give it and `ClientSecretJsonKey`, or the secret itself in `ClientSecret`",
        )),
    }
}

fn custom(reader: &PropertyReader<'_>) -> Result<CustomIdp, Error> {
    let discovery = Discovery::read(reader, "`Vendor` CustomOauth2")?;
    let methods = ["CLIENT_SECRET_BASIC", "CLIENT_SECRET_POST"];
    let method = reader.choice("ClientAuthenticationMethod", &methods.map(|word| (word, word)))?;
    let token_endpoint_query = reader.string("TokenEndpointQuery")?;
    if let Some(query) = &token_endpoint_query {
        check_query(query)?;
    }
    let method = method.map(ClientAuthenticationMethodType::from);
    Ok(CustomIdp { discovery, token_endpoint_query, method })
}

fn tenant_id(reader: &PropertyReader<'_>) -> Result<Option<String>, Error> {
    let tenant_id = reader.string("TenantId")?;
    if let Some(tenant_id) = &tenant_id {
        at_most("TenantId", tenant_id, TENANT_ID_CHARS_MAX)?;
    }
    Ok(tenant_id)
}

fn https_url(reader: &PropertyReader<'_>, name: &str) -> Result<Option<String>, Error> {
    let url = reader.string(name)?;
    match url.as_deref().filter(|url| url.contains('#') || https_url::parse(url).is_err()) {
        Some(url) => Err(Error::property(name, format!("is {}; give an https URL", quote(url)))),
        None => Ok(url),
    }
}

/// Pairs of a query (RFC 3986, section 3.4) as a form encodes them. Taken over to the letter, so they come encoded.
fn check_query(query: &str) -> Result<(), Error> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$'()*+,;:@/?=".contains(&byte);
    let encoded = |text: &str| {
        let mut parts = text.split('%');
        let first = parts.next().unwrap_or_default();
        first.bytes().all(plain)
            && parts.all(|part| {
                part.len() >= 2
                    && part.bytes().take(2).all(|byte| byte.is_ascii_hexdigit())
                    && part.bytes().skip(2).all(plain)
            })
    };
    let pair = |pair: &str| encoded(pair) && pair.split_once('=').is_some_and(|(key, _)| !key.is_empty());
    if !query.starts_with('?') && query.split('&').all(pair) {
        return Ok(());
    }
    let problem = format!(
        "is {}, which cannot be a query; write `key=value` pairs joined by `&`, with other characters \
         percent-encoded and without the `?`",
        quote(query)
    );
    Err(Error::property("TokenEndpointQuery", problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_pairs_that_a_url_can_carry() {
        for query in ["audience=urn:x", "audience=https%3A%2F%2Fapi%2F&a=", "a=b&c=d+e", "a=https://api.example.com/"] {
            assert!(check_query(query).is_ok(), "{query}");
        }
        for query in ["audience", "=x", "?a=b", "a=b c", "a=%zz", "a=%4", "a=é", "a=b#c", "a=b&", "a=\"b\""] {
            assert!(check_query(query).is_err(), "{query}");
        }
    }

    #[test]
    fn a_generated_name_is_one_that_the_api_takes() {
        let requester = Requester {
            stack_id: "arn:aws:cloudformation:us-east-1:111122223333:stack/mcp/0a1b2c3d-4444".to_owned(),
            logical_id: "Provider".to_owned(),
            request_id: "r1".to_owned(),
            name_prefix: None,
        };
        assert!([requester.derived_name(), requester.replacement_name()].iter().all(|name| is_name(name)));
    }
}
