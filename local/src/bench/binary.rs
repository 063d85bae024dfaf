//! The two binaries: built if necessary, and measured.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The level that zip tools use unless told otherwise.
const DEFLATE_LEVEL: u8 = 6;

/// The programs that are compared.
pub(super) struct Binaries {
    pub(super) provisioner: PathBuf,
    pub(super) baseline: PathBuf,
}

/// Sizes in bytes.
pub(super) struct Size {
    pub(super) file: u64,
    pub(super) zip: u64,
}

impl Binaries {
    /// Builds each missing or outdated binary for release and returns the paths. A given `provisioner` is used as it
    /// is.
    ///
    /// # Errors
    /// A build failed, or the given program does not exist.
    pub(super) fn find(provisioner: Option<&Path>) -> Result<Self, String> {
        // The running executable lies in `<target>/release` or, for a build with `--target`, one folder deeper.
        let executable =
            std::env::current_exe().map_err(|error| format!("the path of this executable is unknown: {error}"))?;
        let profile = executable.parent().unwrap_or(Path::new("."));
        let target = profile.parent().unwrap_or(Path::new("."));
        let baseline = build(target, "local", "baseline")?;
        let provisioner = match provisioner {
            Some(path) if path.is_file() => path.to_owned(),
            Some(path) => return Err(format!("{} is not a file", path.display())),
            None => build(target, "agentcore-provisioner", "provisioner")?,
        };
        Ok(Self { provisioner, baseline })
    }
}

/// Runs cargo, which does nothing if the binary is up to date. Each package is built alone, because otherwise it would
/// get features of a dependency that only another package asked for.
fn build(target: &Path, package: &str, binary: &str) -> Result<PathBuf, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let mut command = Command::new(cargo);
    // cargo sets variables about this program, and would rebuild every crate that reads such variables.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") || text == "CARGO_BIN_NAME" {
            command.env_remove(&name);
        }
    }
    let status = command
        .args(["build", "--release", "--quiet", "--manifest-path", manifest, "--package", package, "--bin", binary])
        .arg("--target-dir")
        .arg(target)
        .status()
        .map_err(|error| format!("cargo cannot be run: {error}"))?;
    if !status.success() {
        return Err(format!("building `{binary}` failed"));
    }
    Ok(target.join("release").join(binary))
}

/// Measures a binary as it is and as a zip would hold it.
///
/// # Errors
/// The file cannot be read.
pub(super) fn size(path: &Path) -> Result<Size, String> {
    let bytes = std::fs::read(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    let zip = miniz_oxide::deflate::compress_to_vec(&bytes, DEFLATE_LEVEL);
    Ok(Size { file: bytes.len() as u64, zip: zip.len() as u64 })
}
