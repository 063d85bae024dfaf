//! A provider's metadata (OpenID Connect Discovery 1.0, RFC 8414).

use serde_json::{Value, json};

use super::fault::ProviderFault;
use super::provider::{ClaimStyle, Provider};

impl Provider {
    /// Returns the discovery document.
    pub(super) fn metadata(&self, fault: Option<&ProviderFault>) -> Value {
        let mut methods = Vec::new();
        methods.extend(self.basic.then_some("client_secret_basic"));
        methods.extend(self.post.then_some("client_secret_post"));
        methods.extend(&self.secretless_methods);
        let mut grants = vec!["authorization_code", "refresh_token"];
        if self.style != ClaimStyle::Google {
            grants.push("client_credentials");
        }
        let hs256 = vec!["HS256"];
        let signs_with_secrets = fault == Some(&ProviderFault::SignsWithSecrets);
        let algorithms = if signs_with_secrets { &hs256 } else { &self.id_token_algorithms };
        let mut document = json!({
            "issuer": self.issuer,
            "authorization_endpoint": format!("{}/authorize", self.location),
            "token_endpoint": self.token_endpoint,
            "jwks_uri": self.jwks_uri,
            "response_types_supported": ["code"],
            "grant_types_supported": grants,
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": algorithms,
            "token_endpoint_auth_methods_supported": methods,
        });
        // Cognito and Entra ID support S256 as the others do, and their documents do not say so.
        if !matches!(self.style, ClaimStyle::Cognito | ClaimStyle::EntraV1 | ClaimStyle::EntraV2) {
            document["code_challenge_methods_supported"] = json!(["S256"]);
        }
        if self.signs_only
            && let Some(members) = document.as_object_mut()
        {
            for of_clients in [
                "authorization_endpoint",
                "code_challenge_methods_supported",
                "token_endpoint",
                "grant_types_supported",
                "token_endpoint_auth_methods_supported",
            ] {
                members.remove(of_clients);
            }
        }
        if let Some(members) = document.as_object_mut() {
            members.extend(self.members.clone());
        }
        match fault {
            Some(ProviderFault::DiscoveryIssuer(issuer)) => document["issuer"] = json!(issuer),
            Some(ProviderFault::DiscoveryEmpty(member)) => document[*member] = json!(""),
            Some(ProviderFault::DiscoveryWithout(member)) => {
                document.as_object_mut().and_then(|document| document.remove(*member));
            }
            _ => {}
        }
        document
    }
}
