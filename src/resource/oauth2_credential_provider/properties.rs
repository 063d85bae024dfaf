//! The desired state of a credential provider as the template gives it, and the checks that need no call.

use std::collections::BTreeMap;

use aws_sdk_bedrockagentcorecontrol::types::{ClientAuthenticationMethodType, Oauth2Discovery, SecretSourceType};

use super::vendor::{CUSTOM, Family, KnownVendor, VENDORS, Vendor};
use crate::credential_provider::{SECRET_ID_CHARS_MAX, SECRET_KEY_CHARS_MAX, Secret, SecretProperties, check_name};
use crate::error::Error;
use crate::https_url::HttpsUrl;
use crate::oauth::Discovery;
use crate::properties::{Choice, PropertyReader, PropertySet};
use crate::sensitive::Sensitive;
use crate::ssrf::callable_url;
use crate::tags;
use crate::text::quote;

/// The maximum lengths of the API reference, in characters.
const CLIENT_ID_CHARS_MAX: usize = 256;
const CLIENT_SECRET_CHARS_MAX: usize = 2048;
const TENANT_ID_CHARS_MAX: usize = 2048;

/// The properties of the client's secret, by their names.
pub(super) const CLIENT_SECRET: SecretProperties = SecretProperties {
    given: "ClientSecret",
    id: "ClientSecretId",
    key: "ClientSecretJsonKey",
    source: "ClientSecretSource",
    chars_max: CLIENT_SECRET_CHARS_MAX,
    may_be_whole: false,
};

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
    #[property(name = "AuthorizationEndpoint", default_text = "–", parse = public)]
    authorization_endpoint: Option<HttpsUrl>,
    /// Included vendors: where tokens are asked for.
    #[property(name = "TokenEndpoint", default_text = "–", parse = public)]
    token_endpoint: Option<HttpsUrl>,
    /// MicrosoftOauth2: the tenant.
    #[property(name = "TenantId", chars = TENANT_ID_CHARS_MAX)]
    tenant_id: Option<String>,
}

impl Choice for Vendor {
    fn choices() -> impl Iterator<Item = (&'static str, Self)> {
        VENDORS.into_iter().map(|vendor| (vendor.word, vendor))
    }
}

impl Choice for ClientAuthenticationMethodType {
    fn choices() -> impl Iterator<Item = (&'static str, Self)> {
        [("CLIENT_SECRET_BASIC", Self::ClientSecretBasic), ("CLIENT_SECRET_POST", Self::ClientSecretPost)].into_iter()
    }
}

/// The endpoints by family. `C` describes a custom IdP.
#[derive(Clone, Debug)]
pub(crate) enum Idp<C> {
    Custom(C),
    Known(KnownVendor),
    Microsoft { tenant_id: Option<String> },
    Included(Box<Endpoints>),
}

/// A custom IdP.
#[derive(Clone, Debug)]
pub(crate) enum CustomIdp {
    Described(DescribedIdp),
    /// As the provider has it: a rotation changes nothing but the secret.
    Live(Resolved),
}

/// A custom IdP as requests carry it, and the way in which clients authenticate there.
#[derive(Clone, Debug)]
pub(crate) struct Resolved {
    pub discovery: Oauth2Discovery,
    /// `None` leaves it to the service's default, CLIENT_SECRET_BASIC.
    pub method: Option<ClientAuthenticationMethodType>,
}

/// A custom IdP as the template describes it.
#[derive(Clone, Debug)]
pub(crate) struct DescribedIdp {
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
    pub issuer: Option<HttpsUrl>,
    pub authorization_endpoint: Option<HttpsUrl>,
    pub token_endpoint: Option<HttpsUrl>,
}

impl Endpoints {
    /// Returns the addresses that are given, each with its property.
    pub(super) fn given(&self) -> impl Iterator<Item = (&'static str, &HttpsUrl)> {
        let Self { issuer, authorization_endpoint, token_endpoint } = self;
        let all =
            [("Issuer", issuer), ("AuthorizationEndpoint", authorization_endpoint), ("TokenEndpoint", token_endpoint)];
        all.into_iter().filter_map(|(property, url)| Some((property, url.as_ref()?)))
    }
}

/// Returns the IdP of a vendor.
fn idp(reader: &PropertyReader<'_>, fields: IdpFields, vendor: Vendor) -> Result<Idp<CustomIdp>, Error> {
    check_combination(reader, vendor)?;
    let IdpFields { discovery_url, issuer, token_endpoint_query, method, .. } = fields;
    Ok(match vendor.family {
        Family::Custom => {
            let discovery = Discovery::new("`Vendor` CustomOauth2", discovery_url, issuer)?;
            Idp::Custom(CustomIdp::Described(DescribedIdp { discovery, token_endpoint_query, method }))
        }
        Family::Known(known) => Idp::Known(known),
        Family::Microsoft => Idp::Microsoft { tenant_id: fields.tenant_id },
        Family::Included => {
            let IdpFields { authorization_endpoint, token_endpoint, .. } = fields;
            let issuer = public("Issuer", issuer)?;
            Idp::Included(Box::new(Endpoints { issuer, authorization_endpoint, token_endpoint }))
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
    Secret::new(&CLIENT_SECRET, given, id, key, &source)
}

/// Reads an address to which AgentCore sends the client's secret, or a user.
fn public(property: &str, url: Option<String>) -> Result<Option<HttpsUrl>, Error> {
    let Some(text) = url else { return Ok(None) };
    let problem = match callable_url(text.as_str()) {
        Ok(url) if url.parsed().fragment().is_none() => return Ok(Some(url)),
        Ok(_) => "has a fragment",
        Err(problem) => problem,
    };
    Err(Error::property(property, format!("is {}, which {problem}; give the IdP's public https URL", quote(&text))))
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
}
