//! Builds the function so that the same commit gives the same bytes, wherever the checkout lies.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::checkout::Checkout;
use crate::elf::Architecture;

/// The function's binary target.
const BINARY: &str = "provisioner";

/// Builds the function for release and returns where it is.
///
/// # Errors
/// cargo-lambda is missing, or the build fails; why is on standard error by then.
pub(crate) fn build(checkout: &Checkout, architecture: Architecture) -> Result<PathBuf, String> {
    let target = target_directory(&checkout.root)?;
    let folder = target.join("publish").join(architecture.to_string());
    let target_flag = match architecture {
        Architecture::X86_64 => "--x86-64",
        Architecture::Arm64 => "--arm64",
    };
    let mut command = cargo(&checkout.root);
    for (name, _) in std::env::vars_os().filter(|(name, _)| changes_the_build(name)) {
        command.env_remove(name);
    }
    let status = command
        .args(["lambda", "build", "--release", "--locked", "--bin", BINARY, target_flag, "--lambda-dir"])
        .arg(&folder)
        .env("RUSTFLAGS", remapping(&checkout.root, &target)?)
        .env("SOURCE_DATE_EPOCH", &checkout.committed)
        // Standard output is for the links.
        .stdout(Stdio::from(std::io::stderr()))
        .status();
    match status {
        Ok(status) if status.success() => Ok(folder.join(BINARY).join("bootstrap")),
        Ok(_) => Err("`cargo lambda build` failed; if there is no such command, `pip install cargo-lambda`".to_owned()),
        Err(error) => Err(format!("cargo cannot be run: {error}")),
    }
}

/// The tools whose versions decide the bytes, as they name themselves.
///
/// # Errors
/// One of them is missing.
pub(crate) fn tools(checkout: &Checkout) -> Result<String, String> {
    let rustc = output(Command::new("rustc").arg("--version"), "rustc")?;
    let lambda = output(cargo(&checkout.root).args(["lambda", "--version"]), "cargo-lambda")?;
    let system = output(cargo(&checkout.root).args(["lambda", "system"]), "cargo-lambda")?;
    let zig = system.lines().find_map(|line| line.trim().strip_prefix("version:")).unwrap_or("of unknown version");
    Ok(format!("{}, {}, zig {}", rustc.trim(), lambda.trim(), zig.trim().trim_matches('\'')))
}

fn cargo(root: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    command
}

fn output(command: &mut Command, name: &str) -> Result<String, String> {
    match command.output() {
        Ok(output) if output.status.success() => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        _ => Err(format!(
            "{name} is needed to build the function, and cannot be run; `pip install cargo-lambda` brings it"
        )),
    }
}

fn target_directory(root: &Path) -> Result<PathBuf, String> {
    let metadata = cargo(root).args(["metadata", "--no-deps", "--format-version", "1"]).output();
    let metadata = metadata.map_err(|error| format!("cargo cannot be run: {error}"))?;
    let metadata: Value = serde_json::from_slice(&metadata.stdout).unwrap_or_default();
    let target = metadata["target_directory"].as_str().map(PathBuf::from);
    target.ok_or_else(|| format!("{} holds no Rust workspace to build; use `--bootstrap`", root.display()))
}

/// Settings of a developer's own that would make another binary of the same commit.
fn changes_the_build(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    let prefixes = ["CARGO_PROFILE_", "CARGO_BUILD_", "CARGO_TARGET_", "CARGO_LAMBDA_"];
    let is_setting = prefixes.iter().any(|prefix| name.starts_with(prefix)) || name == "CARGO_ENCODED_RUSTFLAGS";
    // Where the build takes place is no secret to it, but has no effect once the paths are remapped.
    is_setting && !name.ends_with("_DIR")
}

/// Flags that replace this machine's folders in the binary, where panic messages name source files. cargo leaves flags
/// with this one in them out of the hashes that it gives to crates.
fn remapping(root: &Path, target: &Path) -> Result<String, String> {
    let home = || std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let cargo_home = std::env::var_os("CARGO_HOME").map_or_else(|| home().join(".cargo"), PathBuf::from);
    let sysroot = output(Command::new("rustc").args(["--print", "sysroot"]), "rustc")?;
    let version = output(Command::new("rustc").arg("-vV"), "rustc")?;
    let commit = version.lines().find_map(|line| line.strip_prefix("commit-hash: ")).unwrap_or("unknown");
    // Where the sources of the standard library are installed, rustc names them by their place on this machine.
    let library = Path::new(sysroot.trim()).join("lib/rustlib/src/rust");
    let folders = [
        (root, "/source".to_owned()),
        (target, "/target".to_owned()),
        (&cargo_home, "/cargo".to_owned()),
        (&library, format!("/rustc/{commit}")),
    ];
    let flags = folders.map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display()));
    match flags.iter().find(|flag| flag.contains(char::is_whitespace)) {
        Some(flag) => {
            Err(format!("a folder's name has a space, which RUSTFLAGS cannot carry: {flag}; use another folder"))
        }
        None => Ok(flags.join(" ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_developers_own_settings_do_not_reach_the_build() {
        let changes = |name: &str| changes_the_build(OsStr::new(name));
        assert!(changes("CARGO_PROFILE_RELEASE_LTO") && changes("CARGO_ENCODED_RUSTFLAGS"));
        assert!(changes("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS") && changes("CARGO_LAMBDA_COMPILER"));
        assert!(!changes("CARGO_TARGET_DIR") && !changes("CARGO_HOME") && !changes("PATH"));
    }

    #[test]
    fn every_folder_of_this_machine_is_remapped() {
        let flags = remapping(Path::new("/home/me/checkout"), Path::new("/var/target")).expect("rustc is here");
        assert!(
            flags.starts_with("--remap-path-prefix=/home/me/checkout=/source --remap-path-prefix=/var/target=/target ")
        );
        assert_eq!(flags.split(' ').count(), 4);
        assert!(remapping(Path::new("/home/me/my checkout"), Path::new("/target")).is_err());
    }
}
