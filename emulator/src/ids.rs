//! Identifiers that look random and yet repeat with the run.

use sha2::{Digest, Sha256};

const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Returns `length` letters and digits, at most 32 of them, that depend on `seed` alone.
#[must_use]
pub fn alphanumeric(seed: &str, length: usize) -> String {
    let digest = Sha256::digest(seed.as_bytes());
    digest.iter().take(length).map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()])).collect()
}

/// Returns an identifier in the form of a UUID that depends on `seed` alone.
pub(crate) fn uuid(seed: &str) -> String {
    let digest = Sha256::digest(seed.as_bytes());
    [0..4, 4..6, 6..8, 8..10, 10..16].map(|bytes| hex::encode(&digest[bytes])).join("-")
}

#[cfg(test)]
mod tests {
    use super::alphanumeric;

    #[test]
    fn depends_on_the_seed_alone() {
        assert_eq!(alphanumeric("runtime 1", 10), alphanumeric("runtime 1", 10));
        assert_ne!(alphanumeric("runtime 1", 10), alphanumeric("runtime 2", 10));
        assert_eq!(alphanumeric("runtime 1", 10).len(), 10);
    }
}
