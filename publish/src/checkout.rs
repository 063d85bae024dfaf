//! The git checkout that is published: its commit, and its differences from that commit.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The number of file names in a sentence.
const NAMES_MAX: usize = 8;

/// A checkout.
#[derive(Debug)]
pub(crate) struct Checkout {
    /// Its top folder.
    pub(crate) root: PathBuf,
    /// The commit checked out, in full.
    pub(crate) commit: String,
    /// The time of that commit, in seconds since 1970.
    pub(crate) committed: i64,
    /// Files that differ from the commit or are not part of it, as git shows them.
    changes: Vec<String>,
}

impl Checkout {
    /// Finds the checkout that this folder belongs to.
    ///
    /// # Errors
    /// The folder is not in a checkout, the checkout has no commit, or git is missing.
    pub(crate) fn here() -> Result<Self, String> {
        let root = PathBuf::from(git(Path::new("."), &["rev-parse", "--show-toplevel"])?.trim_end());
        let head = git(&root, &["log", "-1", "--format=%H %ct"])?;
        let (commit, committed) = head.trim_end().split_once(' ').ok_or("git log gave no commit")?;
        let committed = committed.parse().map_err(|_| "git log gave no time of the commit")?;
        // These options count more than a developer's own configuration, which may leave files out.
        let status = ["status", "--porcelain", "--untracked-files=normal", "--ignore-submodules=none"];
        let mut changes: Vec<String> =
            git(&root, &status)?.lines().filter_map(|line| line.get(3..)).map(str::to_owned).collect();
        // A lower-case letter, or S, marks files that `git update-index` was told to ignore.
        let files = git(&root, &["ls-files", "-v"])?;
        let overlooked = files.lines().filter(|line| line.starts_with(|tag: char| tag.is_lowercase() || tag == 'S'));
        changes
            .extend(overlooked.filter_map(|line| line.get(2..)).map(|name| format!("{name} (hidden from git status)")));
        Ok(Self { commit: commit.to_owned(), committed, changes, root })
    }

    /// Returns how the checkout differs from its commit, as the beginning of a sentence.
    pub(crate) fn difference(&self) -> Option<String> {
        let names = self.changes.iter().take(NAMES_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
        let more = match self.changes.len().saturating_sub(NAMES_MAX) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let commit = self.commit.get(..12).unwrap_or(&self.commit);
        (!self.changes.is_empty()).then(|| format!("the checkout is not just commit {commit}: {names}{more}"))
    }

    /// Reads the template to publish, which has to be part of the checkout. If it differs from the commit, it counts as
    /// a change.
    ///
    /// # Errors
    /// The template cannot be read, or is outside the checkout.
    pub(crate) fn template(&mut self, given: Option<&Path>) -> Result<String, String> {
        let path = given.map_or_else(|| self.root.join("template.yaml"), Path::to_owned);
        let unreadable = |error: std::io::Error| format!("{} cannot be read: {error}", path.display());
        let (file, root) = (path.canonicalize().map_err(unreadable)?, self.root.canonicalize().map_err(unreadable)?);
        let Ok(name) = file.strip_prefix(&root) else {
            let (path, root) = (path.display(), root.display());
            return Err(format!("{path} is not in the checkout {root}, whose commit is recorded; give one that is"));
        };
        let text = std::fs::read_to_string(&file).map_err(unreadable)?;
        let name = name.to_string_lossy().into_owned();
        // git status shows no file that is ignored.
        let committed = git(&root, &["cat-file", "blob", &format!("HEAD:{name}")]);
        if committed.as_deref() != Ok(&text) && !self.changes.contains(&name) {
            self.changes.push(name);
        }
        // Some editors begin a file with a byte order mark.
        Ok(text.trim_start_matches('\u{feff}').to_owned())
    }
}

fn git(folder: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("git").arg("-C").arg(folder).args(arguments).output();
    let output =
        output.map_err(|error| format!("git cannot be run: {error}; install it, because the commit is recorded"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let reason = String::from_utf8_lossy(&output.stderr);
    // All lines are quoted, because git's last line about a checkout of another user is the command that helps.
    let reason = reason.split_whitespace().collect::<Vec<_>>().join(" ");
    let reason = reason.trim_start_matches("fatal: ");
    Err(format!("what is published has to be a commit: {reason}; run this in a clone of the repository"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dirty_tree_is_named_file_by_file() {
        let checkout = |count: usize| Checkout {
            root: PathBuf::new(),
            commit: "0123456789abcdef".to_owned(),
            committed: 0,
            changes: (0..count).map(|number| format!("{number}.rs")).collect(),
        };
        assert_eq!(checkout(0).difference(), None);
        let two = "the checkout is not just commit 0123456789ab: 0.rs, 1.rs";
        assert_eq!(checkout(2).difference().as_deref(), Some(two));
        assert!(checkout(10).difference().is_some_and(|sentence| sentence.ends_with("7.rs and 2 more")));
    }
}
