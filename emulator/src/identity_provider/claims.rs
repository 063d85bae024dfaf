//! The claims of each product's access tokens. Documented by the products; compared in their behaviour with AgentCore's
//! authorizer by O: aws-solutions-library-samples/guidance-for-claude-code-with-amazon-bedrock#718.

use std::time::SystemTime;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::fault::{Endpoint, ProviderFault};
use super::keys::{self, Algorithm, encode};
use super::provider::{ClaimStyle, Provider};

/// The grant that a token is issued for.
#[derive(Clone, Debug, Default)]
pub(super) struct Grant {
    pub(super) client_id: String,
    pub(super) scopes: Vec<String>,
    pub(super) audiences: Vec<String>,
}

impl Provider {
    /// Issues an access token for a client of this provider without asking the token endpoint: with these scopes and
    /// this audience, unless empty. The provider's fault shows in it.
    #[must_use]
    pub fn mint(&self, client_id: &str, scopes: &[&str], audience: &str, now: SystemTime) -> String {
        let scopes = scopes.iter().map(ToString::to_string).collect();
        let audiences = Some(audience.to_owned()).filter(|audience| !audience.is_empty()).into_iter().collect();
        let grant = Grant { client_id: client_id.to_owned(), scopes, audiences };
        self.token(&grant, now, self.fault_at(Endpoint::Token))
    }

    /// Issues the access token of a grant.
    pub(super) fn token(&self, grant: &Grant, now: SystemTime, fault: Option<&ProviderFault>) -> String {
        if fault == Some(&ProviderFault::OpaqueToken) {
            return encode(Sha256::digest(format!("{} {grant:?} {now:?}", self.issuer)));
        }
        if self.style == ClaimStyle::Auth0 && grant.audiences.is_empty() {
            return encrypted(&format!("{} {grant:?} {now:?}", self.issuer));
        }
        let mut claims = self.claims(grant, now);
        match fault {
            Some(ProviderFault::TokenIssuer(issuer)) => claims["iss"] = json!(issuer),
            Some(ProviderFault::TokenWithout(claim)) => {
                claims.as_object_mut().and_then(|claims| claims.remove(*claim));
            }
            _ => {}
        }
        let secret = self.clients.get(&grant.client_id).map_or("", |client| &client.secret);
        let by_secret = matches!(fault, Some(ProviderFault::SignsWithSecrets | ProviderFault::Hs256Token));
        keys::sign(if by_secret { Algorithm::Hs256(secret) } else { Algorithm::Rs256 }, &claims)
    }

    fn claims(&self, grant: &Grant, now: SystemTime) -> Value {
        let Grant { client_id, scopes, audiences } = grant;
        let issued = seconds(now);
        let mut claims = json!({"iss": self.issuer, "iat": issued, "exp": seconds(now + self.token_lifetime)});
        let mut set = |name: &str, value: Value| claims[name] = value;
        match audiences.as_slice() {
            [] => {}
            [one] => set("aud", json!(one)),
            several => set("aud", json!(several)),
        }
        let scope = scopes.join(" ");
        match self.style {
            ClaimStyle::Cognito => {
                set("sub", json!(client_id));
                set("client_id", json!(client_id));
                set("token_use", json!("access"));
                set("scope", json!(scope));
                set("version", json!(2));
            }
            ClaimStyle::Auth0 => {
                set("sub", json!(format!("{client_id}@clients")));
                set("azp", json!(client_id));
                set("gty", json!("client-credentials"));
                if !scopes.is_empty() {
                    set("scope", json!(scope));
                }
            }
            ClaimStyle::Okta => {
                set("sub", json!(client_id));
                set("cid", json!(client_id));
                set("scp", json!(scopes));
                set("ver", json!(1));
            }
            // A client's own permissions are in `roles`; `scp` is for users.
            ClaimStyle::EntraV1 => {
                set("nbf", json!(issued));
                set("appid", json!(client_id));
                set("appidacr", json!("1"));
                set("roles", json!(scopes));
                set("ver", json!("1.0"));
            }
            ClaimStyle::EntraV2 => {
                set("nbf", json!(issued));
                set("azp", json!(client_id));
                set("azpacr", json!("1"));
                set("roles", json!(scopes));
                set("ver", json!("2.0"));
            }
            ClaimStyle::Keycloak => {
                set("typ", json!("Bearer"));
                set("azp", json!(client_id));
                set("scope", json!(scope));
            }
            ClaimStyle::Standard => {
                set("sub", json!(client_id));
                set("client_id", json!(client_id));
                set("jti", json!(encode(Sha256::digest(format!("{grant:?} {now:?}")))));
                set("scope", json!(scope));
            }
            // The form of an ID token: access tokens of Google's are opaque.
            ClaimStyle::Google => {
                set("azp", json!(client_id));
                if audiences.is_empty() {
                    set("aud", json!(client_id));
                }
            }
        }
        claims
    }
}

/// Issues a token as Auth0 does for its own API: only Auth0 can read it, in JWE's compact form (RFC 7516).
fn encrypted(seed: &str) -> String {
    let part = |name: &str| encode(Sha256::digest(format!("{name} {seed}")));
    let header = encode(r#"{"alg":"dir","enc":"A256GCM"}"#);
    format!("{header}..{}.{}.{}", &part("iv")[..16], part("text"), &part("tag")[..22])
}

pub(super) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}
