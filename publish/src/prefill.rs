//! Parameters that a link fills in. The form that the link opens must be possible to complete.

use std::collections::BTreeMap;

use cloudformation::{TemplateSource, contradictions, template_summary};

/// The largest number of edits between two names that counts as a typing mistake.
const SLIP_EDITS_MAX: usize = 3;

/// Checks the parameters of a link against the template.
///
/// # Errors
/// A parameter is unknown, repeated or a secret, or its value is not allowed. Or the values break a rule, and no value of
/// an empty parameter can repair that.
pub(crate) fn check(body: &str, given: &[(String, String)]) -> Result<(), String> {
    let source = TemplateSource::Uploaded(body.to_owned());
    let declared = template_summary(&source).map_err(|error| error.message)?;
    let mut values = BTreeMap::new();
    for (name, value) in given {
        let Some(parameter) = declared.get(name) else {
            let distance = |known: &&String| strsim::damerau_levenshtein(&known.to_lowercase(), &name.to_lowercase());
            let nearest = declared.keys().min_by_key(distance).filter(|known| distance(known) <= SLIP_EDITS_MAX);
            let hint = nearest.map_or(String::new(), |nearest| format!("; did you mean `{nearest}`?"));
            return Err(format!("the template has no parameter `{name}`{hint}"));
        };
        if parameter.no_echo {
            return Err(format!(
                "`{name}` is a secret, and CloudFormation ignores secrets in links; leave it to the person who follows the link"
            ));
        }
        if values.insert(name.clone(), value.clone()).is_some() {
            return Err(format!("`{name}` is given twice; a link can fill it in once"));
        }
    }
    let broken =
        contradictions(&source, &values).map_err(|error| format!("a link cannot say this: {}", error.message))?;
    if broken.is_empty() {
        return Ok(());
    }
    Err(format!("a link with these parameters opens a form that breaks a rule from the start: {}", broken.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = include_str!("../../template.yaml");

    fn checked(given: &[(&str, &str)]) -> Result<(), String> {
        let given: Vec<_> = given.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        check(TEMPLATE, &given)
    }

    fn refused(given: &[(&str, &str)]) -> String {
        checked(given).expect_err("the link must be refused")
    }

    #[test]
    fn a_parameter_that_a_person_still_has_to_fill_in_is_accepted() {
        for given in [
            &[][..],
            &[("CredentialSource", "CreateNew")],
            &[("CredentialSource", "UseExisting")],
            &[("McpAuthMode", "jwt")],
            &[("McpAuthMode", "jwt"), ("EnableAgentCoreGateway", "true"), ("JwtIssuer", "https://idp.example.com/")],
            &[("EnableAgentCoreGateway", "true"), ("GatewayMode", "attach")],
            &[("EnableAgentCoreGateway", "true"), ("GatewayAuthorizerType", "AWS_IAM")],
            &[("NetworkMode", "VPC")],
            &[("AgentRuntimeName", "")],
        ] {
            assert_eq!(checked(given), Ok(()), "{given:?}");
        }
    }

    #[test]
    fn combinations_that_no_entry_can_repair_are_refused_with_the_rule() {
        let existing = refused(&[("ExistingSecretName", "prod/zscaler")]);
        assert!(existing.contains("CreateNewNeedsCredentials: ExistingSecretName is for CredentialSource=UseExisting"));
        for (given, rule) in [
            (&[("JwtIssuer", "https://idp.example.com/")][..], "JwtSettingsNeedJwt"),
            (&[("McpAuthMode", "jwt"), ("JwtIssuer", "")], "JwtNeedsIssuer"),
            (&[("CredentialSource", "UseExisting"), ("ZscalerCloud", "beta")], "UseExistingNeedsSecret"),
            (&[("VpcSubnetIds", "subnet-01234567")], "PublicHasNoVpcSettings"),
            (&[("ExistingGatewayId", "tools-a1b2c3d4e5")], "GatewaySettingsNeedGateway"),
            (&[("EnableAgentCoreGateway", "true"), ("GatewayOutboundAuth", "OAUTH")], "IamServerHasNoOAuth"),
            (
                &[("GatewayAuthorizerType", "AWS_IAM"), ("GatewayInboundAllowedScopes", "mcp")],
                "IamGatewayHasNoTokenSettings",
            ),
        ] {
            assert!(refused(given).contains(rule), "{given:?}");
        }
        let both = [("GatewayToolSchemaJson", "{}"), ("GatewayToolSchemaS3Uri", "s3://acme/tools.json")];
        let both = refused(&both);
        assert!(both.contains("OneToolSchema") || both.contains("a link cannot say this"), "{both}");
    }

    #[test]
    fn parameters_a_link_cannot_carry_are_refused() {
        assert_eq!(
            refused(&[("agentruntimename", "x")]),
            "the template has no parameter `agentruntimename`; did you mean `AgentRuntimeName`?"
        );
        assert_eq!(refused(&[("Colour", "red")]), "the template has no parameter `Colour`");
        assert!(refused(&[("ZscalerClientSecret", "x")]).contains("ignores secrets in links"));
        assert!(refused(&[("NetworkMode", "VPC"), ("NetworkMode", "VPC")]).contains("given twice"));
        assert!(refused(&[("AgentRuntimeName", "my-server")]).contains("AgentCore allows no hyphens"));
        assert!(refused(&[("NetworkMode", "NONE")]).contains("[PUBLIC, VPC]"));
    }
}
