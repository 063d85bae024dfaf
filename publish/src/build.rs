//! Builds the function so that the same commit gives the same bytes in every folder.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cargo_metadata::MetadataCommand;

use crate::checkout::Checkout;
use crate::elf::Architecture;
use crate::report;

/// The function's binary target.
const BINARY: &str = "provisioner";

/// Builds the function for release and returns its path.
///
/// # Errors
/// cargo-lambda is missing, or the build fails. The reason is on standard error by then.
pub(crate) fn build(checkout: &Checkout, architecture: Architecture) -> Result<PathBuf, String> {
    let target = target_directory(&checkout.root)?;
    let folder = target.join("publish").join(architecture.to_string());
    let target_flag = match architecture {
        Architecture::X86_64 => "--x86-64",
        Architecture::Arm64 => "--arm64",
    };
    for file in settings(&checkout.root) {
        report::warn(&format!(
            "cargo follows {} too, whose settings may give other bytes than the commit alone",
            file.display()
        ));
    }
    let mut command = cargo(&checkout.root);
    for (name, _) in std::env::vars_os().filter(|(name, _)| changes_the_build(name)) {
        command.env_remove(name);
    }
    let status = command
        .args(["lambda", "build", "--release", "--locked", "--bin", BINARY, target_flag, "--lambda-dir"])
        .arg(&folder)
        // Incremental builds give different bytes.
        .env("CARGO_INCREMENTAL", "0")
        .env("RUSTFLAGS", remapping(&checkout.root, &target)?)
        .env("SOURCE_DATE_EPOCH", checkout.committed.to_string())
        // Standard output is for the links.
        .stdout(Stdio::from(std::io::stderr()))
        .status();
    match status {
        Ok(status) if status.success() => Ok(folder.join(BINARY).join("bootstrap")),
        Ok(_) => Err("`cargo lambda build` failed; why stands above".to_owned()),
        Err(error) => Err(format!("cargo cannot be run: {error}")),
    }
}

/// Returns the tools whose versions decide the bytes, as they name themselves.
///
/// # Errors
/// One of them is missing.
pub(crate) fn tools(checkout: &Checkout) -> Result<String, String> {
    let rustc = output(Command::new("rustc").arg("--version"))?;
    let lambda = output(cargo(&checkout.root).args(["lambda", "--version"]))?;
    let system = output(cargo(&checkout.root).args(["lambda", "system"]))?;
    let zig = system.lines().find_map(|line| line.trim().strip_prefix("version:")).unwrap_or("of unknown version");
    Ok(format!("{}, {}, zig {}", rustc.trim(), lambda.trim(), zig.trim().trim_matches('\'')))
}

/// Returns cargo, which runs in a folder.
pub(crate) fn cargo(root: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    command
}

fn output(command: &mut Command) -> Result<String, String> {
    match command.output() {
        Ok(output) if output.status.success() => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        _ => {
            Err("the function is built with rustc and cargo-lambda, and one of them cannot be run; install Rust from \
                  https://rustup.rs, cargo-lambda by `pip install cargo-lambda`, or use `--bootstrap`"
                .to_owned())
        }
    }
}

fn target_directory(root: &Path) -> Result<PathBuf, String> {
    let metadata = MetadataCommand::new().current_dir(root).no_deps().exec();
    let metadata = metadata.map_err(|error| format!("{error}; build the function elsewhere, and use `--bootstrap`"))?;
    Ok(metadata.target_directory.into())
}

/// Returns true for a developer's own setting that would give another binary for the same commit.
fn changes_the_build(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    let prefixes = ["CARGO_PROFILE_", "CARGO_BUILD_", "CARGO_TARGET_", "CARGO_LAMBDA_", "CFLAGS"];
    let names = ["CARGO_ENCODED_RUSTFLAGS", "RUSTC", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "RUSTC_BOOTSTRAP"];
    let is_setting = prefixes.iter().any(|prefix| name.starts_with(prefix)) || names.contains(&&*name);
    // The build knows its folder, but the folder has no effect once the paths are remapped.
    is_setting && !name.ends_with("_DIR")
}

/// Returns the files outside the checkout that cargo reads settings from
/// (<https://doc.rust-lang.org/cargo/reference/config.html#hierarchical-structure>).
fn settings(root: &Path) -> BTreeSet<PathBuf> {
    let folders = root.ancestors().skip(1).map(|folder| folder.join(".cargo")).chain([cargo_home()]);
    let files = folders.flat_map(|folder| ["config.toml", "config"].map(|name| folder.join(name)));
    files.filter(|file| file.is_file()).collect()
}

fn cargo_home() -> PathBuf {
    let home = || std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    std::env::var_os("CARGO_HOME").map_or_else(|| home().join(".cargo"), PathBuf::from)
}

/// Returns flags that replace this machine's folders in the binary, where panic messages name source files. cargo
/// ignores flags that contain this one when it computes the hashes of crates.
fn remapping(root: &Path, target: &Path) -> Result<String, String> {
    let sysroot = output(Command::new("rustc").args(["--print", "sysroot"]))?;
    let version = output(Command::new("rustc").arg("-vV"))?;
    let commit = version.lines().find_map(|line| line.strip_prefix("commit-hash: ")).unwrap_or("unknown");
    // If the sources of the standard library are installed, rustc names them by their path on this machine.
    let library = Path::new(sysroot.trim()).join("lib/rustlib/src/rust");
    let folders = [
        (root, "/source".to_owned()),
        (target, "/target".to_owned()),
        (&cargo_home(), "/cargo".to_owned()),
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
        assert!(changes("RUSTC_WRAPPER") && changes("RUSTC") && changes("CFLAGS_x86_64_unknown_linux_gnu"));
        assert!(!changes("CARGO_TARGET_DIR") && !changes("CARGO_HOME") && !changes("PATH"));
    }

    #[test]
    fn settings_of_folders_above_are_found_and_the_checkouts_own_are_its_commits() {
        let above = std::env::temp_dir().join(format!("publish-settings-{}", std::process::id()));
        let root = above.join("checkout");
        for folder in [&above, &root] {
            std::fs::create_dir_all(folder.join(".cargo")).expect("the folder is ours");
            std::fs::write(folder.join(".cargo/config.toml"), "").expect("the folder is ours");
        }
        let found = settings(&root);
        assert!(found.contains(&above.join(".cargo/config.toml")), "{found:?}");
        assert!(!found.contains(&root.join(".cargo/config.toml")), "{found:?}");
        std::fs::remove_dir_all(&above).expect("the folder is ours");
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
