//! Signing keys: the one RSA key of every provider, the key set that publishes it, and signatures either way.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::rsa::{KeyPair, PublicKeyComponents};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256};
use ring::{hmac, rsa};
use serde_json::{Map, Value, json};

/// Made for this emulator and good for nothing else.
const PRIVATE_KEY: &str = include_str!("../../fixtures/test-only-token-signing-key.pem");

const KEY_ID: &str = "emulator-1";

static SIGNER: LazyLock<KeyPair> = LazyLock::new(|| {
    let base64: String = PRIVATE_KEY.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = STANDARD.decode(base64).expect("the fixture is PEM");
    KeyPair::from_pkcs8(&der).expect("the fixture is an RSA key")
});

/// The algorithm and the key that a token is signed with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Algorithm<'a> {
    /// The provider's RSA key.
    Rs256,
    /// A secret that issuer and client share.
    Hs256(&'a str),
}

/// Signs a token with these claims.
pub(crate) fn sign(algorithm: Algorithm<'_>, claims: &Value) -> String {
    let header = match algorithm {
        Algorithm::Rs256 => json!({"alg": "RS256", "kid": KEY_ID, "typ": "JWT"}),
        Algorithm::Hs256(_) => json!({"alg": "HS256", "typ": "JWT"}),
    };
    let message = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
    let signature = match algorithm {
        Algorithm::Rs256 => {
            let mut signature = vec![0; SIGNER.public().modulus_len()];
            let signed = SIGNER.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature);
            signed.expect("the buffer has the modulus's length");
            signature
        }
        Algorithm::Hs256(secret) => {
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), message.as_bytes()).as_ref().to_vec()
        }
    };
    format!("{message}.{}", encode(signature))
}

/// Returns the key set (RFC 7517) with the provider's public key.
pub(super) fn key_set() -> Value {
    let key = PublicKeyComponents::<Vec<u8>>::from(SIGNER.public());
    let (n, e) = (encode(key.n), encode(key.e));
    json!({"keys": [{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": KEY_ID, "n": n, "e": e}]})
}

/// Returns header and claims of a JWT, unverified; `None` for anything else.
pub(crate) fn header_and_claims(token: &str) -> Option<(Map<String, Value>, Map<String, Value>)> {
    let mut parts = token.split('.');
    let (header, claims, _signature) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let object = |part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok();
    Some((object(header)?, object(claims)?))
}

/// Returns true if an RS256 signature is that of the key set's key with this id.
pub(crate) fn verify_rs256(token: &str, key_id: &str, key_set: &Value) -> bool {
    let verified = || {
        let (message, signature) = token.rsplit_once('.')?;
        let decoded = |value: &Value| URL_SAFE_NO_PAD.decode(value.as_str()?).ok();
        let key = key_set["keys"].as_array()?.iter().find(|key| key["kty"] == "RSA" && key["kid"] == key_id)?;
        let key = rsa::PublicKeyComponents { n: decoded(&key["n"])?, e: decoded(&key["e"])? };
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        key.verify(&RSA_PKCS1_2048_8192_SHA256, message.as_bytes(), &signature).ok()
    };
    verified().is_some()
}

pub(super) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
