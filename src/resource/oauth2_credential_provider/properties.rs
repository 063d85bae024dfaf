//! The desired state of a credential provider as the template gives it, and the checks that need no call.

use std::collections::BTreeMap;

use aws_sdk_bedrockagentcorecontrol::types::{ClientAuthenticationMethodType, SecretSourceType};

use super::vendor::{CUSTOM, Family, KnownVendor, VENDORS, Vendor};
use crate::error::Error;
use crate::https_url;
use crate::oauth::Discovery;
use crate::oauth::client::ClientSecret;
use crate::properties::{Choice, PropertyReader, PropertySet};
use crate::requester::Requester;
use crate::sensitive::Sensitive;
use crate::tags;
use crate::text::quote;

/// The maximum lengths of the API reference, in characters.
const NAME_CHARS_MAX: usize = 128;
const CLIENT_ID_CHARS_MAX: usize = 256;
pub(super) const CLIENT_SECRET_CHARS_MAX: usize = 2048;
const SECRET_ID_CHARS_MAX: usize = 2048;
const SECRET_KEY_CHARS_MAX: usize = 128;
const TENANT_ID_CHARS_MAX: usize = 2048;

/// The desired state.
#[derive(Debug, PropertySet)]
pub(crate) struct Properties {
    /// Letters, digits, `-` and `_`, at most 128. With [provisioner.yaml](provisioner.md#names) `NamePrefix` stands for
    /// `mcp`.
    #[property(
        name = "Name",
        default_text = "`mcp-<8 characters of the stack's GUID>-<6 digits>`",
        check = check_name,
        replaces
    )]
    pub name: Option<String>,
    /// Vendor whose endpoints are used.
    #[property(name = "Vendor", default = CUSTOM, replaces)]
    pub vendor: Vendor,
    /// Id of the client at the IdP.
    #[property(name = "ClientId", chars = CLIENT_ID_CHARS_MAX)]
    pub client_id: String,
    #[property(flatten = SecretFields, parse = secret)]
    pub secret: Secret,
    #[property(flatten = IdpFields, parse = |reader, fields| idp(reader, fields, vendor))]
    pub idp: Idp<CustomIdp>,
    /// Tags of the provider: see [above](#what-all-resource-types-have-in-common).
    #[property(name = "Tags", check = tags::check)]
    pub tags: BTreeMap<String, String>,
}

/// The properties of the client's secret.
#[derive(Debug, PropertySet)]
struct SecretFields {
    /// The client's secret: this, or the next two.
    #[property(name = "ClientSecret", default_text = "–", chars = CLIENT_SECRET_CHARS_MAX)]
    given: Option<Sensitive>,
    /// Secret in Secrets Manager (name or ARN) that holds the client's secret.
    #[property(name = "ClientSecretId", default_text = "–", chars = SECRET_ID_CHARS_MAX)]
    id: Option<String>,
    /// Key of the client's secret in the JSON object of `ClientSecretId`.
    #[property(name = "ClientSecretJsonKey", default_text = "–", chars = SECRET_KEY_CHARS_MAX)]
    key: Option<String>,
    /// `MANAGED`: AgentCore keeps a copy. `EXTERNAL`: AgentCore reads `ClientSecretId` whenever it needs it, which that
    /// secret's resource policy has to allow.
    #[property(name = "ClientSecretSource", default = SecretSourceType::Managed, replaces)]
    source: SecretSourceType,
}

/// The properties of the IdP.
#[derive(Debug, PropertySet)]
struct IdpFields {
    /// CustomOauth2: the IdP's discovery document. One of this and `Issuer` is required.
    #[property(name = "DiscoveryUrl", default_text = "from `Issuer`")]
    discovery_url: Option<String>,
    /// CustomOauth2: the IdP's issuer. Included vendors: the same, with the two endpoints below.
    #[property(name = "Issuer", default_text = "–")]
    issuer: Option<String>,
    /// CustomOauth2: query to add to the token endpoint's address. The endpoints are then taken from the discovery document
    /// once, instead of by AgentCore.
    #[property(name = "TokenEndpointQuery", check = check_query)]
    token_endpoint_query: Option<String>,
    /// CustomOauth2: how the client shows its secret.
    #[property(name = "ClientAuthenticationMethod", default_text = "from the discovery document")]
    method: Option<ClientAuthenticationMethodType>,
    /// Included vendors: where users sign in.
    #[property(name = "AuthorizationEndpoint", default_text = "–", check = check_https)]
    authorization_endpoint: Option<String>,
    /// Included vendors: where tokens are asked for.
    #[property(name = "TokenEndpoint", default_text = "–", check = check_https)]
    token_endpoint: Option<String>,
    /// MicrosoftOauth2: the tenant.
    #[property(name = "TenantId", chars = TENANT_ID_CHARS_MAX)]
    tenant_id: Option<String>,
}

impl Choice for Vendor {
    fn choices() -> impl Iterator<Item = (&'static str, Self)> {
        VENDORS.into_iter().map(|vendor| (vendor.word, vendor))
    }
}

impl Choice for SecretSourceType {
    fn choices() -> impl Iterator<Item = (&'static str, Self)> {
        [("MANAGED", Self::Managed), ("EXTERNAL", Self::External)].into_iter()
    }
}

impl Choice for ClientAuthenticationMethodType {
    fn choices() -> impl Iterator<Item = (&'static str, Self)> {
        [("CLIENT_SECRET_BASIC", Self::ClientSecretBasic), ("CLIENT_SECRET_POST", Self::ClientSecretPost)].into_iter()
    }
}

/// The source from which AgentCore takes the client's secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Secret {
    /// A copy in AgentCore, written with every update.
    Managed(ClientSecret),
    /// A secret of the user's, read whenever a token is requested.
    External {
        /// Name or ARN.
        secret_id: String,
        /// The key in its JSON object.
        key: String,
    },
}

/// The endpoints by family. `C` describes a custom IdP.
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
    /// The query of requests to the token endpoint.
    pub token_endpoint_query: Option<String>,
    /// The way in which the client shows its secret. If absent, the discovery document decides.
    pub method: Option<ClientAuthenticationMethodType>,
}

/// The endpoints that a template may give for an included vendor.
#[derive(Clone, Debug)]
pub(crate) struct Endpoints {
    pub issuer: Option<String>,
    pub authorization_endpoint: Option<String>,
    pub token_endpoint: Option<String>,
}

impl Secret {
    /// Returns the API's word for the source.
    #[must_use]
    pub(crate) fn source(&self) -> SecretSourceType {
        match self {
            Self::Managed(_) => SecretSourceType::Managed,
            Self::External { .. } => SecretSourceType::External,
        }
    }
}

impl Properties {
    /// Returns the provider's name, unless the provider replaces another.
    #[must_use]
    pub(crate) fn name(&self, requester: &Requester) -> String {
        self.name.clone().unwrap_or_else(|| requester.derived_name())
    }

    /// Returns true if the provider `physical_id` has the desired name.
    #[must_use]
    pub(crate) fn keeps(&self, physical_id: &str, requester: &Requester) -> bool {
        match &self.name {
            Some(name) => name == physical_id,
            None => requester.is_derived_name(physical_id),
        }
    }
}

/// Returns true for a name that matches `[a-zA-Z0-9\-_]{1,128}` (API reference, CreateOauth2CredentialProvider).
#[must_use]
pub(crate) fn is_name(name: &str) -> bool {
    (1..=NAME_CHARS_MAX).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
}

fn check_name(property: &str, name: &str) -> Result<(), Error> {
    if is_name(name) {
        return Ok(());
    }
    let problem = format!("is {}; use at most {NAME_CHARS_MAX} letters, digits, hyphens and underscores", quote(name));
    Err(Error::property(property, problem))
}

/// Returns the IdP of a vendor.
fn idp(reader: &PropertyReader<'_>, fields: IdpFields, vendor: Vendor) -> Result<Idp<CustomIdp>, Error> {
    check_combination(reader, vendor)?;
    let IdpFields { discovery_url, issuer, token_endpoint_query, method, .. } = fields;
    Ok(match vendor.family {
        Family::Custom => {
            let discovery = Discovery::new("`Vendor` CustomOauth2", discovery_url, issuer)?;
            Idp::Custom(CustomIdp { discovery, token_endpoint_query, method })
        }
        Family::Known(known) => Idp::Known(known),
        Family::Microsoft => Idp::Microsoft { tenant_id: fields.tenant_id },
        Family::Included => {
            if let Some(issuer) = &issuer {
                check_https("Issuer", issuer)?;
            }
            Idp::Included(Endpoints {
                issuer,
                authorization_endpoint: fields.authorization_endpoint,
                token_endpoint: fields.token_endpoint,
            })
        }
    })
}

/// Refuses properties for which the vendor's family has no member.
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

fn secret(_: &PropertyReader<'_>, fields: SecretFields) -> Result<Secret, Error> {
    let SecretFields { given, id, key, source } = fields;
    let useless_key = key.is_some() && id.is_none();
    let secret = ClientSecret::new(given, id, key)?;
    if useless_key {
        let problem = "has no effect without `ClientSecretId`; add it or leave this out";
        return Err(Error::property("ClientSecretJsonKey", problem));
    }
    let external = source == SecretSourceType::External;
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

fn check_https(property: &str, url: &str) -> Result<(), Error> {
    if !url.contains('#') && https_url::parse(url).is_ok() {
        return Ok(());
    }
    Err(Error::property(property, format!("is {}; give an https URL", quote(url))))
}

/// Checks the pairs of a query (RFC 3986, section 3.4), which a form encodes. The query is sent as it is, so it has to
/// be encoded already.
fn check_query(property: &str, query: &str) -> Result<(), Error> {
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
    Err(Error::property(property, problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_pairs_that_a_url_can_carry() {
        for query in ["audience=urn:x", "audience=https%3A%2F%2Fapi%2F&a=", "a=b&c=d+e", "a=https://api.example.com/"] {
            assert!(check_query("TokenEndpointQuery", query).is_ok(), "{query}");
        }
        for query in ["audience", "=x", "?a=b", "a=b c", "a=%zz", "a=%4", "a=é", "a=b#c", "a=b&", "a=\"b\""] {
            assert!(check_query("TokenEndpointQuery", query).is_err(), "{query}");
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
