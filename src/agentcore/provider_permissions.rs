//! Finds out which permission is missing. With the caller's permissions, the service stores the client's secret in Secrets
//! Manager and creates the account's token vault. A refusal is therefore often about another action than the called one.

use crate::error::{ApiError, ApiErrorKind, Error};

/// The actions on one kind of provider.
type Actions = [&'static str; 4];

const OAUTH2: Actions = [
    "bedrock-agentcore:CreateOauth2CredentialProvider",
    "bedrock-agentcore:GetOauth2CredentialProvider",
    "bedrock-agentcore:UpdateOauth2CredentialProvider",
    "bedrock-agentcore:DeleteOauth2CredentialProvider",
];
const API_KEY: Actions = [
    "bedrock-agentcore:CreateApiKeyCredentialProvider",
    "bedrock-agentcore:GetApiKeyCredentialProvider",
    "bedrock-agentcore:UpdateApiKeyCredentialProvider",
    "bedrock-agentcore:DeleteApiKeyCredentialProvider",
];

/// The other actions that the caller needs to create, update and delete a provider (service authorization reference;
/// the handler permissions of `AWS::BedrockAgentCore::OAuth2CredentialProvider` and `…::ApiKeyCredentialProvider`).
const SHARED: [&str; 9] = [
    "bedrock-agentcore:CreateTokenVault",
    "bedrock-agentcore:GetTokenVault",
    "bedrock-agentcore:TagResource",
    "secretsmanager:CreateSecret",
    "secretsmanager:PutSecretValue",
    "secretsmanager:UpdateSecret",
    "secretsmanager:DescribeSecret",
    "secretsmanager:TagResource",
    "secretsmanager:DeleteSecret",
];

/// Returns the refusal with the action that AWS names or, if AWS names none, with all actions that the call may have
/// lacked.
pub(super) fn explained(error: Error) -> Error {
    match error {
        Error::Api(error) if error.kind == ApiErrorKind::Denied => Error::Api(explain(error)),
        error => error,
    }
}

fn explain(error: ApiError) -> ApiError {
    let (own, folder) = if API_KEY.contains(&error.operation) { (API_KEY, "apikey") } else { (OAUTH2, "oauth2") };
    let actions = || own.into_iter().chain(SHARED);
    match actions().find(|action| names(&error.message, action)) {
        Some(operation) => ApiError { operation, ..error },
        None if error.message.contains("not authorized to perform") => error,
        None => {
            let message = format!(
                "{}; the call acts as the function's role, which needs {} on the provider, \
                 `token-vault/default` and `secret:bedrock-agentcore-identity!default/{folder}/*`",
                error.message,
                actions().collect::<Vec<_>>().join(", ")
            );
            ApiError { message, ..error }
        }
    }
}

/// Returns true if the text contains the action, and not a longer one.
fn names(text: &str, action: &str) -> bool {
    let ends = |rest: &str| !rest.starts_with(|c: char| c.is_ascii_alphanumeric());
    text.match_indices(action).any(|(at, _)| ends(&text[at + action.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(message: &str) -> String {
        refusal_of(OAUTH2[0], message)
    }

    fn refusal_of(operation: &'static str, message: &str) -> String {
        explained(Error::Api(ApiError {
            operation,
            kind: ApiErrorKind::Denied,
            code: None,
            message: message.to_owned(),
        }))
        .to_string()
    }

    #[test]
    fn the_action_that_aws_names_is_the_one_to_grant() {
        let text = refusal("User: x is not authorized to perform: secretsmanager:CreateSecret on resource: y");
        assert!(text.starts_with("not allowed to call secretsmanager:CreateSecret: "), "{text}");
        let text = refusal("x is not authorized to perform: bedrock-agentcore:CreateOauth2CredentialProvider on y");
        assert!(text.starts_with("not allowed to call bedrock-agentcore:CreateOauth2CredentialProvider: "), "{text}");
    }

    #[test]
    fn without_a_name_all_of_them_are_listed() {
        let text = refusal("Access denied");
        assert!(text.contains("bedrock-agentcore:CreateTokenVault, bedrock-agentcore:GetTokenVault"), "{text}");
        assert!(text.contains("secretsmanager:CreateSecret, secretsmanager:PutSecretValue"), "{text}");
        assert!(
            text.contains("bedrock-agentcore:CreateOauth2CredentialProvider") && text.contains("/oauth2/*"),
            "{text}"
        );
        let text = refusal_of(API_KEY[0], "Access denied");
        assert!(
            text.contains("bedrock-agentcore:UpdateApiKeyCredentialProvider") && text.contains("/apikey/*"),
            "{text}"
        );
        assert!(!text.contains("Oauth2"), "{text}");
    }
}
