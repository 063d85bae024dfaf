//! The bill of materials, in the format of CycloneDX 1.5 (<https://cyclonedx.org/docs/1.5/json/>).

use aws_smithy_types::date_time::{DateTime as Time, Format};
use cyclonedx_bom::models::component::Classification;
use cyclonedx_bom::models::dependency::{Dependencies as Edges, Dependency};
use cyclonedx_bom::models::external_reference::{ExternalReference, ExternalReferenceType, ExternalReferences};
use cyclonedx_bom::models::hash::{Hash, HashAlgorithm, HashValue, Hashes};
use cyclonedx_bom::models::license::{LicenseChoice, Licenses};
use cyclonedx_bom::models::tool::{Tool, Tools};
use cyclonedx_bom::prelude::{
    Bom, Component, Components, DateTime, Metadata, NormalizedString, Purl, SpecVersion, Uri, Validate as _,
};

use crate::dependencies::{Crate, Dependencies};

/// The function as it is published.
pub(crate) struct Function<'a> {
    /// The SHA-256 of the binary, in hexadecimal digits.
    pub(crate) sha256: &'a str,
    /// The commit and the tools.
    pub(crate) origin: &'a str,
    /// The time of the commit, in seconds since 1970. It is the time of the document, so that the same commit gives the
    /// same bytes.
    pub(crate) committed: i64,
}

/// Returns the bill of materials.
///
/// # Errors
/// A crate names something that the format does not allow.
pub(crate) fn json(function: &Function<'_>, dependencies: &Dependencies) -> Result<Vec<u8>, String> {
    let Dependencies { function: package, direct, crates } = dependencies;
    let invalid = |problem: String| format!("the bill of materials is not valid CycloneDX: {problem}");
    let time = Time::from_secs(function.committed).fmt(Format::DateTime).map_err(|error| invalid(error.to_string()))?;

    let version = package.version.to_string();
    let mut root = Component::new(Classification::Application, &package.name, &version, Some(package.name.to_string()));
    root.description = Some(NormalizedString::new(function.origin));
    root.hashes = Some(hashes(function.sha256));
    root.licenses = package.license.as_deref().map(licenses);
    let tool = Tool {
        name: Some(NormalizedString::new(env!("CARGO_PKG_NAME"))),
        version: Some(NormalizedString::new(env!("CARGO_PKG_VERSION"))),
        ..Tool::default()
    };
    let metadata = Metadata {
        timestamp: Some(DateTime::try_from(time).map_err(|error| invalid(error.to_string()))?),
        tools: Some(Tools::List(vec![tool])),
        component: Some(root),
        ..Metadata::default()
    };

    let components: Result<Vec<Component>, String> = crates.iter().map(component).collect();
    let edges = [(package.name.as_str(), direct)].into_iter();
    let edges = edges.chain(crates.iter().map(|one| (one.id.as_str(), &one.direct)));
    let edges = edges.map(|(id, direct)| Dependency {
        dependency_ref: id.to_owned(),
        dependencies: direct.iter().cloned().collect(),
    });
    let bom = Bom {
        spec_version: SpecVersion::V1_5,
        // A serial number would differ at each run.
        serial_number: None,
        metadata: Some(metadata),
        components: Some(Components(components.map_err(invalid)?)),
        dependencies: Some(Edges(edges.collect())),
        ..Bom::default()
    };
    let result = bom.validate();
    if !result.passed() {
        return Err(invalid(format!("{:?}", result.errors().collect::<Vec<_>>())));
    }
    let mut json = Vec::new();
    bom.output_as_json_v1_5(&mut json).map_err(|error| invalid(error.to_string()))?;
    Ok(json)
}

fn component(one: &Crate) -> Result<Component, String> {
    let Crate { id, name, version, license, repository, sha256, .. } = one;
    let mut component = Component::new(Classification::Library, name, version, Some(id.clone()));
    component.purl = Some(Purl::new("cargo", name, version).map_err(|error| format!("{id}: {error}"))?);
    component.hashes = Some(hashes(sha256));
    component.licenses = Some(licenses(license.as_ref()));
    component.external_references = repository
        .as_ref()
        .map(|url| ExternalReferences(vec![ExternalReference::new(ExternalReferenceType::Vcs, Uri::new(url))]));
    Ok(component)
}

fn hashes(sha256: &str) -> Hashes {
    Hashes(vec![Hash { alg: HashAlgorithm::SHA_256, content: HashValue(sha256.to_owned()) }])
}

fn licenses(expression: &str) -> Licenses {
    Licenses(vec![LicenseChoice::expression(expression)])
}
