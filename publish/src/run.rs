//! The two commands, from beginning to end.

use std::path::Path;

use provisioner::http::{ExtraRoots, HttpsClient, Proxies};
use sha2::{Digest as _, Sha256};

use crate::archive::{Object, Release};
use crate::arguments::{Check, Publish};
use crate::bucket::{Access, Bucket};
use crate::checkout::Checkout;
use crate::dependencies::Dependencies;
use crate::elf::{self, Binary};
use crate::region::Region;
use crate::report::{self, Publication};
use crate::sbom::{self, Function};
use crate::template::Code;
use crate::{build, credentials, dependencies, link, notices, prefill, template};

/// Checks a built function.
///
/// # Errors
/// The function cannot be read, or Lambda could not start it.
pub(crate) fn check(arguments: &Check) -> Result<(), String> {
    let path = &arguments.bootstrap;
    let (_, binary) = read(path, arguments.architecture)?;
    report::line(format_args!("{}: {binary}", path.display()))
}

/// Publishes the checkout.
///
/// # Errors
/// The checkout is not a commit, the arguments do not fit the template, the function cannot be built or would not start,
/// or S3 refuses.
pub(crate) fn publish(arguments: &Publish) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("the runtime cannot be started: {error}"))?;
    runtime.block_on(publish_checkout(arguments))
}

async fn publish_checkout(arguments: &Publish) -> Result<(), String> {
    for (index, region) in arguments.regions.iter().enumerate() {
        if arguments.regions[..index].contains(region) {
            return Err(format!("`--region {region}` is given twice; it needs only one link"));
        }
    }
    let mut checkout = Checkout::here()?;
    let source = checkout.template(arguments.template_file.as_deref())?;
    let difference = checkout.difference();
    match &difference {
        Some(difference) if arguments.dry_run => report::warn(difference),
        Some(difference) => {
            return Err(format!(
                "{difference}; commit or remove these, because others have to find what they get in the commit"
            ));
        }
        None => {}
    }
    // The build takes minutes. A template that names an empty zip shows before the build if the arguments fit.
    let empty = Release { code: Object::code(&[])?, documents: Vec::new() };
    let rehearsal = publications(arguments, &source, &empty, "")?;
    if let Some(Publication { template, .. }) = rehearsal.first() {
        let body = String::from_utf8_lossy(&template.content);
        prefill::check(&body, &arguments.parameters)?;
    }
    let buckets = if arguments.dry_run { Vec::new() } else { buckets(arguments).await? };

    let dependencies = dependencies::find(&checkout.root, arguments.architecture)?;
    let tools = if arguments.bootstrap.is_none() { Some(build::tools(&checkout)?) } else { None };
    let bootstrap = match &arguments.bootstrap {
        Some(path) => path.clone(),
        None => build::build(&checkout, arguments.architecture)?,
    };
    let (bytes, binary) = read(&bootstrap, Some(arguments.architecture))?;

    let commit = &checkout.commit;
    let changed = if difference.is_some() { " and changes that are not committed" } else { "" };
    let built =
        tools.map_or_else(|| "a function built elsewhere".to_owned(), |tools| format!("a function built by {tools}"));
    let origin = format!("Published from commit {commit}{changed}, with {built}.");
    report::line(format_args!("{origin}\n{}: {binary}", bootstrap.display()))?;

    let documents = documents(arguments, &checkout, dependencies.as_ref(), &bytes, &origin)?;
    let release = Release { code: Object::code(&bytes)?, documents };
    let publications = publications(arguments, &source, &release, &origin)?;
    // This comes before the uploads, so that a folder that cannot be written to is found while nothing has happened.
    if let Some(folder) = &arguments.output {
        report::write(folder, &release, &publications)?;
    }
    for (index, publication) in publications.iter().enumerate() {
        // The template comes last, so that everybody who can read it finds what it names.
        for object in release.objects().chain([&publication.checksums, &publication.template]) {
            let upload = match buckets.get(index) {
                Some(bucket) => Some(bucket.upload(object, commit).await?),
                None => None,
            };
            report::object(&publication.bucket, object, upload)?;
        }
        if let Some(bucket) = buckets.get(index)
            && bucket.is_private(&publication.template.key).await
        {
            report::warn(&format!(
                "not everybody can read bucket {}; the link works for those whom its policy allows s3:GetObject",
                publication.bucket
            ));
        }
    }
    report::links(&publications)
}

/// Returns the bill of materials and the notices of a binary.
fn documents(
    arguments: &Publish,
    checkout: &Checkout,
    dependencies: Option<&Dependencies>,
    binary: &[u8],
    origin: &str,
) -> Result<Vec<Object>, String> {
    let Some(dependencies) = dependencies else {
        report::warn("the checkout has no Cargo.lock, so there is neither a bill of materials nor a file of notices");
        return Ok(Vec::new());
    };
    if let Some(path) = &arguments.bootstrap {
        report::warn(&format!(
            "the bill of materials and the notices describe Cargo.lock of this checkout; make sure that {} was built from it",
            path.display()
        ));
    }
    let sha256 = hex::encode(Sha256::digest(binary));
    let function = Function { sha256: &sha256, origin, committed: checkout.committed };
    Ok(vec![Object::sbom(sbom::json(&function, dependencies)?), Object::notices(notices::notices(dependencies)?)])
}

/// Returns the publication of every Region, for this code.
fn publications(
    arguments: &Publish,
    source: &str,
    release: &Release,
    origin: &str,
) -> Result<Vec<Publication>, String> {
    let Publish { architecture, stack_name, parameters, .. } = arguments;
    let file = arguments.template_file.as_deref().unwrap_or(Path::new("template.yaml"));
    let of_template = |problem: String| format!("{}: {problem}", file.display());
    let documents = release.documents.iter();
    let origin = &documents.fold(origin.to_owned(), |text, document| format!("{text} See {}.", document.key));
    let publication = |region: &Region| {
        let bucket = bucket_name(arguments, region);
        let code = Code { bucket: &bucket, key: &release.code.key, architecture: *architecture, origin };
        let body = template::published(source, code).map_err(of_template)?;
        template::check(source, &body, *architecture).map_err(of_template)?;
        let template = Object::template(body);
        let checksums = Object::checksums(release.objects().chain([&template]));
        let url = link::object_url(region, &bucket, &template.key);
        let link = link::quick_create(region, &url, stack_name, parameters);
        Ok(Publication { region: region.clone(), bucket, template, checksums, link })
    };
    arguments.regions.iter().map(publication).collect()
}

/// Returns the buckets, after a check that each exists in its Region.
async fn buckets(arguments: &Publish) -> Result<Vec<Bucket>, String> {
    let access = Access {
        credentials: credentials::find(arguments.profile.as_deref())?,
        owner: arguments.expected_bucket_owner.clone(),
        endpoint_url: arguments.endpoint_url.clone(),
        https: HttpsClient::new(ExtraRoots::default(), Proxies::from_environment(|name| std::env::var(name).ok())?),
    };
    let mut buckets = Vec::new();
    for region in &arguments.regions {
        let bucket = Bucket::new(bucket_name(arguments, region), region.clone(), &access);
        bucket.verify().await?;
        buckets.push(bucket);
    }
    Ok(buckets)
}

fn bucket_name(arguments: &Publish, region: &Region) -> String {
    format!("{}-{region}", arguments.bucket_prefix)
}

fn read(path: &Path, architecture: Option<elf::Architecture>) -> Result<(Vec<u8>, Binary), String> {
    let bytes = std::fs::read(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    let binary = elf::check(&bytes, architecture).map_err(|problem| format!("{} {problem}", path.display()))?;
    Ok((bytes, binary))
}
