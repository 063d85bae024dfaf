//! The desired state of a gateway as the template gives it, and the checks that need no call.

use std::collections::{BTreeMap, BTreeSet};

use crate::agentcore::check_role;
use crate::authorizer::{Draft, Fields};
use crate::error::Error;
use crate::oauth::client::{Client, PROPERTIES as CLIENT_PROPERTIES};
use crate::properties::{PropertyReader, at_most};
use crate::requester::Requester;
use crate::tags;
use crate::text::quote;

/// What a template may give.
pub(super) const NAMES: [&str; 23] = [
    "GatewayName",
    "RoleArn",
    "Description",
    "AuthorizerType",
    "DiscoveryUrl",
    "Issuer",
    "AllowedClients",
    "AllowedAudience",
    "AllowedScopes",
    "ClientClaimName",
    "SupportedVersions",
    "SearchType",
    "DisableToolsPagination",
    "Instructions",
    "ExceptionLevel",
    "KmsKeyArn",
    "ClientId",
    "ClientSecretId",
    "ClientSecretJsonKey",
    "ClientSecret",
    "Scopes",
    "CustomParameters",
    "Tags",
];
/// The revisions of MCP that gateways speak (developer guide, gateway-using-mcp-list). All of them are declared at
/// creation, because AgentCore refuses to add one later.
pub(super) const VERSIONS: [&str; 4] = ["2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"];
/// Bounds of the API reference, CreateGateway.
const NAME_CHARS_MAX: usize = 48;
const DESCRIPTION_CHARS_MAX: usize = 200;
const INSTRUCTIONS_CHARS_MAX: usize = 2048;

/// The tokens that are let in.
#[derive(Debug)]
pub(crate) struct CustomJwt {
    /// What a token must show.
    pub(crate) draft: Draft,
    /// A client whose token is the proof of it.
    pub(crate) client: Option<Client>,
}

/// The desired state.
#[derive(Debug)]
pub(crate) struct Properties {
    /// Chosen name; otherwise one is derived.
    pub(crate) name: Option<String>,
    /// The role the gateway calls its targets as.
    pub(crate) role_arn: String,
    /// Free text.
    pub(crate) description: Option<String>,
    /// Who may call; `None` is SigV4.
    pub(crate) jwt: Option<CustomJwt>,
    /// The revisions of MCP that it speaks.
    pub(crate) versions: Option<BTreeSet<String>>,
    /// Whether it offers a tool that searches tools.
    pub(crate) semantic_search: bool,
    /// True if it lists all tools at once instead of in pages; `None` leaves that as it is.
    pub(crate) unpaginated: Option<bool>,
    /// What it tells its clients about itself.
    pub(crate) instructions: Option<String>,
    /// Whether callers see why a target failed.
    pub(crate) debug: bool,
    /// The key it is encrypted with, if not AWS's own.
    pub(crate) kms_key_arn: Option<String>,
    /// The user's tags.
    pub(crate) tags: BTreeMap<String, String>,
}

impl Properties {
    /// The name of a gateway that replaces none.
    #[must_use]
    pub(crate) fn name(&self, requester: &Requester) -> String {
        self.name.clone().unwrap_or_else(|| requester.derived_name())
    }

    /// The name of a gateway that is made by an update.
    pub(super) fn replacement_name(&self, requester: &Requester) -> String {
        self.name.clone().unwrap_or_else(|| requester.replacement_name())
    }
}

pub(super) fn parse(reader: &PropertyReader<'_>) -> Result<Properties, Error> {
    let name = reader.string("GatewayName")?;
    let role_arn = reader.required_string("RoleArn")?;
    let description = reader.string("Description")?;
    let instructions = reader.string("Instructions")?;
    let kms_key_arn = reader.string("KmsKeyArn")?;
    if let Some(name) = &name {
        check_name(name)?;
    }
    check_role("RoleArn", &role_arn)?;
    if let Some(description) = &description {
        at_most("Description", description, DESCRIPTION_CHARS_MAX)?;
    }
    if let Some(instructions) = &instructions {
        at_most("Instructions", instructions, INSTRUCTIONS_CHARS_MAX)?;
    }
    if let Some(arn) = &kms_key_arn {
        check_key(arn)?;
    }
    Ok(Properties {
        name,
        role_arn,
        description,
        jwt: jwt(reader)?,
        versions: versions(reader)?,
        semantic_search: reader.choice("SearchType", &[("SEMANTIC", true), ("NONE", false)])?.unwrap_or(true),
        unpaginated: reader.choice("DisableToolsPagination", &[("true", true), ("false", false)])?,
        instructions,
        debug: reader.choice("ExceptionLevel", &[("DEBUG", true), ("NONE", false)])?.unwrap_or(false),
        kms_key_arn,
        tags: tags::read(reader)?,
    })
}

/// What is asked of tokens for `AuthorizerType` CUSTOM_JWT, nothing for AWS_IAM.
fn jwt(reader: &PropertyReader<'_>) -> Result<Option<CustomJwt>, Error> {
    const SELECTOR: &str = "`AuthorizerType` CUSTOM_JWT";
    let fields = Fields::read(reader)?;
    let wanted = reader.choice("AuthorizerType", &[("CUSTOM_JWT", true), ("AWS_IAM", false)])?.unwrap_or(true);
    let client_property = CLIENT_PROPERTIES.into_iter().find(|name| reader.is_given(name));
    if !wanted {
        return match fields.given().or(client_property) {
            None => Ok(None),
            Some(name) => {
                let problem =
                    "has no effect when `AuthorizerType` is AWS_IAM; set that to CUSTOM_JWT or leave this out";
                Err(Error::property(name, problem))
            }
        };
    }
    let draft = fields.check(SELECTOR)?;
    let client = client_property.map(|name| Client::read(reader, &format!("`{name}`"))).transpose()?;
    // With a client its token tells the claim; without one nothing more will be known than now.
    match (draft.stated_claim(), &client) {
        (Some(claim), _) => drop(draft.authorizer(claim)?),
        (None, None) => drop(draft.without_evidence()?),
        (None, Some(_)) => {}
    }
    Ok(Some(CustomJwt { draft, client }))
}

fn versions(reader: &PropertyReader<'_>) -> Result<Option<BTreeSet<String>>, Error> {
    const NAME: &str = "SupportedVersions";
    let given = reader.list(NAME)?;
    if let Some(unknown) = given.iter().find(|version| !VERSIONS.contains(&version.as_str())) {
        let problem = format!("contains {}; use some of {}", quote(unknown), VERSIONS.join(", "));
        return Err(Error::property(NAME, problem));
    }
    Ok((!given.is_empty()).then(|| given.into_iter().collect()))
}

/// `([0-9a-zA-Z][-]?){1,48}` (API reference, CreateGateway).
fn check_name(name: &str) -> Result<(), Error> {
    let characters = name.chars().filter(char::is_ascii_alphanumeric).count();
    let fits = (1..=NAME_CHARS_MAX).contains(&characters)
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        && !name.starts_with('-')
        && !name.contains("--");
    if fits {
        return Ok(());
    }
    let problem = format!(
        "is {}; use at most {NAME_CHARS_MAX} letters and digits, with single hyphens between them (no underscores)",
        quote(name)
    );
    Err(Error::property("GatewayName", problem))
}

/// The pattern of KmsKeyArn: a key, not an alias.
fn check_key(arn: &str) -> Result<(), Error> {
    let parts: Vec<_> = arn.split(':').collect();
    let fits = matches!(parts.as_slice(), ["arn", partition, "kms", _region, account, key]
        if partition.starts_with("aws")
            && account.len() == 12
            && key.strip_prefix("key/").is_some_and(|id| id.len() == 36));
    if fits {
        return Ok(());
    }
    let problem = format!("is {}; use a key's ARN, `arn:aws:kms:<region>:<account>:key/<id>`, no alias", quote(arn));
    Err(Error::property("KmsKeyArn", problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_api() {
        for name in ["mcp-server-1", "M", &"a-".repeat(48)] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in ["mcp_server", "-mcp", "a--b", "", "é", &"a".repeat(49)] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_key_is_named_by_its_arn() {
        let id = "0a1b2c3d-0000-1111-2222-333344445555";
        assert!(check_key(&format!("arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/{id}")).is_ok());
        for arn in [id.to_owned(), "arn:aws:kms:us-east-1:111122223333:alias/mcp".to_owned(), String::new()] {
            assert!(check_key(&arn).is_err(), "{arn}");
        }
    }
}
