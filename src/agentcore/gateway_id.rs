//! Ids of gateways, which callers give as they are, as part of an ARN or as part of a target's identifier.

use crate::arn::Arn;

/// Returns the name in a gateway's id `<lower-cased name>-<ten lower-case alphanumerics>`, or `None` for text that does not
/// match `([0-9a-z][-]?){1,100}-[0-9a-z]{10}` (API reference, GetGateway).
pub(crate) fn name(id: &str) -> Option<&str> {
    let (name, suffix) = id.rsplit_once('-')?;
    let plain = |text: &str| text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let fits = suffix.len() == 10
        && plain(suffix)
        && name.chars().filter(|c| *c != '-').count() <= 100
        && name.strip_suffix('-').unwrap_or(name).split('-').all(|part| !part.is_empty() && plain(part));
    fits.then_some(name)
}

/// Returns the id of a gateway that is given by its id or its ARN.
pub(crate) fn of(text: &str) -> Option<String> {
    let id = match Arn::of_service("bedrock-agentcore", text) {
        Some(arn) => arn.resource.strip_prefix("gateway/")?,
        None => text,
    };
    name(id).map(|_| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invented_id_is_not_a_gateway_id() {
        assert_eq!(name("mcp-1a2b3c4d-5e6f70-abcdef1234"), Some("mcp-1a2b3c4d-5e6f70"));
        assert_eq!(name(&format!("{}-abcdef1234", "a-".repeat(100))), Some("a-".repeat(100).as_str()));
        for invented in [
            "stack-Gateway-1ABCDEFGHIJK",
            "mcp-gateway-1abcdefghijk",
            "pending:mcp-abcdefghij",
            "-abcdefghij",
            "a--b-abcdefghij",
            "",
            &format!("{}-abcdefghij", "a".repeat(101)),
        ] {
            assert_eq!(name(invented), None, "{invented}");
        }
    }

    #[test]
    fn a_gateway_is_given_by_id_or_arn() {
        let arn = "arn:aws:bedrock-agentcore:us-east-1:111122223333:gateway/my-gw--abcdefghij";
        for (text, id) in [
            ("mcp-abcdefghij", Some("mcp-abcdefghij")),
            ("a-b-0123456789", Some("a-b-0123456789")),
            (arn, Some("my-gw--abcdefghij")),
            ("Mcp-abcdefghij", None),
            ("mcp", None),
            ("-abcdefghij", None),
            ("arn:aws:bedrock-agentcore:us-east-1:111122223333:runtime/mcp-abcdefghij", None),
        ] {
            assert_eq!(of(text).as_deref(), id, "{text}");
        }
    }
}
