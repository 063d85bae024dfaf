//! Objects in S3, for the services that read a document by its URI.

use std::collections::BTreeMap;

/// Every object that exists, in any bucket.
#[derive(Clone, Debug, Default)]
pub struct Objects(BTreeMap<String, Vec<u8>>);

impl Objects {
    /// Stores an object under `s3://bucket/key`, in place of any that is there.
    pub fn put(&mut self, uri: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.0.insert(uri.into(), bytes.into());
    }

    /// Returns the object at `s3://bucket/key`.
    #[must_use]
    pub fn get(&self, uri: &str) -> Option<&[u8]> {
        self.0.get(uri).map(Vec::as_slice)
    }
}
