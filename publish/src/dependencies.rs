//! The crates that are linked into the function, with the features that cargo selects for it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::path::{Path, PathBuf};

use cargo_lock::Lockfile;
use cargo_metadata::{MetadataCommand, Package};
use spdx::{Expression, ParseMode};

use crate::build;
use crate::elf::Architecture;

/// The package of the function.
const PACKAGE: &str = "agentcore-provisioner";

/// The function's package, and the crates that are linked into its binary. The standard library is not among them, and
/// neither are crates that only run while the function is built: build scripts, procedural macros and tests.
#[derive(Debug)]
pub(crate) struct Dependencies {
    pub(crate) function: Package,
    /// The ids of the crates that the function itself names.
    pub(crate) direct: BTreeSet<String>,
    /// The crates in the order of their ids.
    pub(crate) crates: Vec<Crate>,
}

/// A crate from a registry.
#[derive(Debug)]
pub(crate) struct Crate {
    /// The name and version, as `cargo tree` shows them.
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) license: Expression,
    /// The address of the sources, if the crate names one.
    pub(crate) repository: Option<String>,
    /// The hash of the file that the registry serves, in hexadecimal digits.
    pub(crate) sha256: String,
    /// The folder that cargo unpacked the crate to.
    pub(crate) folder: PathBuf,
    /// The ids of the crates that it calls.
    pub(crate) direct: BTreeSet<String>,
}

/// The ids of the crates that each crate names, by its own id.
type Tree = BTreeMap<String, BTreeSet<String>>;

/// Finds the crates of the function in a checkout. Returns `None` for a checkout without Cargo.lock.
///
/// # Errors
/// cargo cannot read the checkout, or a crate has no licence or no hash.
pub(crate) fn find(root: &Path, architecture: Architecture) -> Result<Option<Dependencies>, String> {
    let file = root.join("Cargo.lock");
    if !file.is_file() {
        return Ok(None);
    }
    let unreadable = |error: &dyn Display| format!("{} cannot be read: {error}", file.display());
    let lockfile = Lockfile::load(&file).map_err(|error| unreadable(&error))?;
    let mut metadata = MetadataCommand::new();
    let metadata = metadata.current_dir(root).other_options(["--locked".to_owned()]).exec();
    let packages = metadata.map_err(|error| unreadable(&error))?.packages;

    let edges = ["tree", "--locked", "--package", PACKAGE, "--edges", "normal,no-proc-macro", "--target"];
    let format = [architecture.target(), "--prefix", "depth", "--format", " {p}"];
    let shown = build::cargo(root).args(edges).args(format).output();
    let shown = shown.map_err(|error| format!("cargo cannot be run: {error}"))?;
    if !shown.status.success() {
        return Err(unreadable(&String::from_utf8_lossy(&shown.stderr).trim()));
    }
    let mut tree = tree(&String::from_utf8_lossy(&shown.stdout));

    let mut function = None;
    let mut crates = Vec::new();
    for package in packages {
        let Some(direct) = tree.remove(&id(&package)) else { continue };
        if package.name == PACKAGE {
            function = Some((package, direct));
        } else {
            crates.push(described(package, direct, &lockfile)?);
        }
    }
    crates.sort_by(|one, other| one.id.cmp(&other.id));
    let (function, direct) = function.ok_or_else(|| unreadable(&format!("it has no package `{PACKAGE}`")))?;
    Ok(Some(Dependencies { function, direct, crates }))
}

/// Reads lines of a depth and a crate. A crate that was shown before has a mark instead of its own lines.
fn tree(shown: &str) -> Tree {
    let mut tree = Tree::new();
    let mut path: Vec<String> = Vec::new();
    for line in shown.lines() {
        let mut words = line.split_whitespace();
        let Some(depth) = words.next().and_then(|depth| depth.parse().ok()) else { continue };
        let id = words.take(2).collect::<Vec<_>>().join(" ");
        path.truncate(depth);
        if let Some(parent) = path.last() {
            tree.entry(parent.clone()).or_default().insert(id.clone());
        }
        tree.entry(id.clone()).or_default();
        path.push(id);
    }
    tree
}

fn id(package: &Package) -> String {
    format!("{} v{}", package.name, package.version)
}

fn described(package: Package, direct: BTreeSet<String>, lockfile: &Lockfile) -> Result<Crate, String> {
    let id = id(&package);
    let of_crate = |problem: &str| format!("crate {id}, which the function is linked with, {problem}");
    // An older form of `MIT OR Apache-2.0`, which cargo accepts, is `MIT/Apache-2.0`.
    let license = package.license.as_deref().unwrap_or_default().replace('/', " OR ");
    let license = Expression::parse_mode(&license, ParseMode::STRICT).map_err(|error| {
        of_crate(&format!("has a `license` that is not an SPDX expression: {error}; use another crate"))
    })?;
    let (name, version) = (package.name.to_string(), package.version.to_string());
    let locked =
        lockfile.packages.iter().find(|locked| locked.name.as_str() == name && locked.version == package.version);
    let checksum = locked.and_then(|locked| locked.checksum.as_ref());
    let sha256 = checksum.ok_or_else(|| of_crate("has no checksum in Cargo.lock; use a crate from a registry"))?;
    let folder = package.manifest_path.parent().map(|folder| folder.as_std_path().to_owned()).unwrap_or_default();
    let repository = package.repository;
    Ok(Crate { name, version, license, repository, sha256: sha256.to_string(), folder, direct, id })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_that_was_shown_before_keeps_its_own_crates() {
        let shown = "0 f v1.0.0 (/source)\n1 a v1.0.0\n2 b v1.0.0\n3 c v1.0.0\n1 b v1.0.0 (*)\n1 c v2.0.0\n";
        let tree = tree(shown);
        let direct = |id: &str| tree[id].iter().map(String::as_str).collect::<Vec<_>>();
        assert_eq!(direct("f v1.0.0"), ["a v1.0.0", "b v1.0.0", "c v2.0.0"]);
        assert_eq!(direct("a v1.0.0"), ["b v1.0.0"]);
        assert_eq!(direct("b v1.0.0"), ["c v1.0.0"]);
        assert!(direct("c v1.0.0").is_empty() && direct("c v2.0.0").is_empty());
    }

    #[test]
    fn only_what_is_linked_into_the_function_counts() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let found = find(&root, Architecture::X86_64).expect("cargo reads it").expect("has Cargo.lock");
        let names: BTreeSet<&str> = found.crates.iter().map(|one| one.name.as_str()).collect();
        for linked in ["aws-sdk-bedrockagentcorecontrol", "rustls", "ring", "tokio"] {
            assert!(names.contains(linked), "{linked} of {names:?}");
        }
        for other in ["emulator", "properties-derive", "serde_derive", "cc", "proptest", "rcgen", "clap", "zip"] {
            assert!(!names.contains(other), "{other} only runs elsewhere");
        }
        assert!(found.direct.iter().any(|id| id.starts_with("reqwest v")), "{:?}", found.direct);
        let arm = find(&root, Architecture::Arm64).expect("cargo reads it").expect("has Cargo.lock");
        assert!(arm.crates.len() > 100, "needs no installed target");
    }

    #[test]
    fn a_checkout_without_cargo_lock_has_no_crates() {
        let nothing = find(Path::new("/"), Architecture::X86_64).expect("is not read");
        assert!(nothing.is_none());
    }
}
