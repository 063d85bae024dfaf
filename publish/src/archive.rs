//! The objects for S3: a zip that has the same bytes for the same binary, the documents about it, and names that are
//! derived from the content.

use std::io::{Cursor, Write as _};

use sha2::{Digest as _, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// The folder of everything published.
const FOLDER: &str = "agentcore-provisioner";
/// The name that `provided.al2023` looks for.
const ENTRY: &str = "bootstrap";
/// Readable and executable by all, as Lambda needs it.
const PERMISSIONS: u32 = 0o755;
/// The level at which deflate produces the smallest output.
const LEVEL: i64 = 9;

/// An object, named by what it holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) key: String,
    pub(crate) content: Vec<u8>,
    pub(crate) content_type: &'static str,
    pub(crate) sha256: [u8; 32],
}

/// The objects that every Region gets.
pub(crate) struct Release {
    /// The zip of the function.
    pub(crate) code: Object,
    /// The bill of materials and the notices.
    pub(crate) documents: Vec<Object>,
}

impl Release {
    /// Returns all objects, the code first.
    pub(crate) fn objects(&self) -> impl Iterator<Item = &Object> {
        std::iter::once(&self.code).chain(&self.documents)
    }
}

impl Object {
    fn new(content: Vec<u8>, extension: &str, content_type: &'static str) -> Self {
        let sha256: [u8; 32] = Sha256::digest(&content).into();
        Self { key: format!("{FOLDER}/{}.{extension}", hex::encode(sha256)), content, content_type, sha256 }
    }

    /// Packs the function's code into a zip with one entry, whose time and permissions are always the same.
    ///
    /// # Errors
    /// The zip cannot be written.
    pub(crate) fn code(bootstrap: &[u8]) -> Result<Self, String> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(LEVEL))
            .last_modified_time(DateTime::default())
            .unix_permissions(PERMISSIONS);
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        writer
            .start_file(ENTRY, options)
            .and_then(|()| Ok(writer.write_all(bootstrap)?))
            .and_then(|()| writer.finish())
            .map(|zip| Self::new(zip.into_inner(), "zip", "application/zip"))
            .map_err(|error| format!("the zip cannot be written: {error}"))
    }

    /// Returns the object of the template.
    pub(crate) fn template(body: String) -> Self {
        Self::new(body.into_bytes(), "yaml", "text/yaml")
    }

    /// Returns the object of the bill of materials.
    pub(crate) fn sbom(json: Vec<u8>) -> Self {
        Self::new(json, "cdx.json", "application/vnd.cyclonedx+json")
    }

    /// Returns the object of the notices.
    pub(crate) fn notices(text: String) -> Self {
        Self::new(text.into_bytes(), "notices.txt", "text/plain; charset=utf-8")
    }

    /// Returns the list of the objects' hashes that `sha256sum --check` reads, for a folder that holds them.
    pub(crate) fn checksums<'a>(objects: impl IntoIterator<Item = &'a Self>) -> Self {
        let lines = objects.into_iter().map(|object| format!("{}  {}\n", hex::encode(object.sha256), object.name()));
        Self::new(lines.collect::<String>().into_bytes(), "SHA256SUMS", "text/plain; charset=utf-8")
    }

    /// Returns the name in the folder of everything published.
    fn name(&self) -> &str {
        self.key.rsplit('/').next().unwrap_or(&self.key)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn the_same_binary_gives_the_same_zip() {
        let zip = Object::code(b"a binary").expect("is written");
        assert_eq!(zip, Object::code(b"a binary").expect("is written"));
        assert_ne!(zip.key, Object::code(b"another").expect("is written").key);
        let mut archive = zip::ZipArchive::new(Cursor::new(&zip.content)).expect("is a zip");
        assert_eq!(archive.len(), 1);
        let mut entry = archive.by_index(0).expect("has an entry");
        assert_eq!(entry.name().expect("has a name"), "bootstrap");
        assert_eq!(entry.unix_mode(), Some(0o100_755));
        assert_eq!(entry.last_modified(), Some(DateTime::default()), "1980-01-01");
        let mut content = Vec::new();
        entry.read_to_end(&mut content).expect("is readable");
        assert_eq!(content, b"a binary");
    }

    #[test]
    fn an_object_is_named_by_its_content() {
        let template = Object::template("abc".to_owned());
        let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(template.key, format!("agentcore-provisioner/{hash}.yaml"));
    }
}
