//! The notices that come with the function: who wrote its crates, and the licences of these.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use crate::dependencies::{Crate, Dependencies};

/// The beginnings of the names of files with licences and notices, in lower case.
const NAMES: [&str; 6] = ["license", "licence", "copying", "copyright", "notice", "unlicense"];
/// The ends of the names of files that are programs, and only speak of licences.
const PROGRAMS: [&str; 3] = ["rs", "py", "sh"];
const RULE: &str = "--------------------------------------------------------------------------------";

/// Returns the notices: a list of the crates, then each text once, under the crates that it belongs to. A crate without
/// such a file gets the standard text of each licence that it names.
///
/// # Errors
/// A file cannot be read, or a crate has neither a file nor a licence with a standard text.
pub(crate) fn notices(dependencies: &Dependencies) -> Result<String, String> {
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut list = String::new();
    for one in &dependencies.crates {
        let Crate { id, name, version, license, .. } = one;
        // Writing to a string cannot fail.
        let _ = writeln!(list, "{id}: {license}, https://crates.io/crates/{name}/{version}");
        let mut own = Vec::new();
        collect(&one.folder, &mut own)?;
        if own.is_empty() {
            own = standard_texts(one)?;
        }
        for text in own {
            let users = texts.entry(text).or_default();
            if !users.contains(id) {
                users.push(id.clone());
            }
        }
    }
    let mut notices = format!(
        "The function is linked with these crates, and with the Rust standard library, which is licensed under MIT OR \
         Apache-2.0 (https://github.com/rust-lang/rust).\n\n{list}"
    );
    let mut texts: Vec<(String, Vec<String>)> = texts.into_iter().collect();
    texts.sort_by(|(_, one), (_, other)| one.cmp(other));
    for (text, users) in texts {
        let _ = write!(notices, "\n{RULE}\n{}\n{RULE}\n\n{text}\n", users.join(", "));
    }
    Ok(notices)
}

/// Collects the texts of a folder and of the folders in it.
fn collect(folder: &Path, texts: &mut Vec<String>) -> Result<(), String> {
    let unreadable = |error: std::io::Error| format!("{} cannot be read: {error}", folder.display());
    let entries: std::io::Result<Vec<_>> = std::fs::read_dir(folder).and_then(Iterator::collect);
    let mut paths: Vec<_> = entries.map_err(unreadable)?.iter().map(std::fs::DirEntry::path).collect();
    // The order of a folder's entries differs between machines.
    paths.sort();
    for path in paths {
        if path.is_dir() {
            collect(&path, texts)?;
        } else if is_notice(&path) {
            let bytes = std::fs::read(&path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
            let text = String::from_utf8_lossy(&bytes).replace("\r\n", "\n");
            texts.push(text.trim_matches('\n').trim_end().to_owned());
        }
    }
    Ok(())
}

fn is_notice(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let is_program = path.extension().is_some_and(|end| PROGRAMS.iter().any(|program| end == *program));
    NAMES.iter().any(|beginning| name.starts_with(beginning)) && !is_program
}

fn standard_texts(one: &Crate) -> Result<Vec<String>, String> {
    let ids = one.license.requirements().filter_map(|requirement| requirement.req.license.id());
    let texts: Vec<String> = ids.map(|id| id.text().trim().to_owned()).collect();
    if texts.is_empty() {
        return Err(format!("crate {} has neither a file with its licence nor a licence of the SPDX list", one.id));
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elf::Architecture;

    #[test]
    fn every_crate_has_its_licence() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let found = crate::dependencies::find(&root, Architecture::X86_64).expect("cargo reads it").expect("is there");
        let text = notices(&found).expect("every crate has a licence");
        assert_eq!(text, notices(&found).expect("again"));
        let headings: Vec<&str> =
            text.split(RULE).skip(1).step_by(2).flat_map(|heading| heading.trim().split(", ")).collect();
        for one in &found.crates {
            assert!(text.contains(&format!("\n{}: ", one.id)), "{} is listed", one.id);
            assert!(headings.contains(&one.id.as_str()), "{} has a text", one.id);
        }
        // The crate `ring` has files of its own and those of the code that it took over.
        assert!(text.contains("Copyright 2015-2020 the fiat-crypto authors"));
        // The crate `lambda_runtime` comes without a file.
        assert!(text.contains("Apache License\nVersion 2.0, January 2004"));
    }

    #[test]
    fn a_program_is_not_a_notice() {
        for notice in ["LICENSE", "LICENSE-MIT", "license-apache-2.0", "COPYRIGHT", "NOTICE.txt", "License.md"] {
            assert!(is_notice(Path::new(notice)), "{notice}");
        }
        for other in ["license.rs", "README.md", "Cargo.toml", "my-license"] {
            assert!(!is_notice(Path::new(other)), "{other}");
        }
    }
}
