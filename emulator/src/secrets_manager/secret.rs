//! One secret and its versions.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::{Duration, SystemTime};

/// The staging label of the version that readers get.
pub(super) const CURRENT: &str = "AWSCURRENT";
/// The staging label of the version that was current before.
pub(super) const PREVIOUS: &str = "AWSPREVIOUS";

/// Versions of one secret [SM reference_limits].
const MAX_VERSIONS: usize = 100;
/// A version stays for so long, with a label or without [SM reference_limits].
const KEPT: Duration = Duration::from_hours(24);

/// A secret.
#[derive(Clone, Debug)]
pub struct Secret {
    /// Ends in a hyphen and six characters that differ for every secret, also for one with a name used before.
    pub arn: String,
    /// The name.
    pub name: String,
    /// The description.
    pub description: Option<String>,
    /// The key as the caller named it; `None` is `alias/aws/secretsmanager`.
    pub kms_key_id: Option<String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// The time of its creation.
    pub created: SystemTime,
    /// The time at which its value, its description, its key, its tags or its deletion last changed.
    pub changed: SystemTime,
    /// The versions, oldest first; those without a staging label too, until there are too many.
    pub versions: Vec<Version>,
    /// Set while the secret waits for its deletion.
    pub deletion: Option<Deletion>,
}

/// One immutable value of a secret.
#[derive(Clone, Debug)]
pub struct Version {
    /// The `ClientRequestToken` it was written with.
    pub id: String,
    /// The value.
    pub value: SecretValue,
    /// Staging labels. A version without any is deprecated.
    pub stages: BTreeSet<String>,
    /// The time at which it was written.
    pub created: SystemTime,
}

/// The value of a version.
#[derive(Clone, PartialEq, Eq)]
pub enum SecretValue {
    /// `SecretString`.
    Text(String),
    /// `SecretBinary`, in base64 as it travels.
    Binary(String),
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretValue(***)")
    }
}

/// The deletion of a secret, while it can still be seen.
#[derive(Clone, Debug)]
pub struct Deletion {
    /// The time at which `DeleteSecret` was called.
    pub requested: SystemTime,
    /// `DeletionDate`: the end of the recovery window, or the time of the call when there is none.
    pub date: SystemTime,
    /// From then on the secret is not found and its name is free.
    pub gone: SystemTime,
    /// `ForceDeleteWithoutRecovery`: it cannot be restored.
    pub forced: bool,
}

impl Secret {
    /// Returns the version that carries a staging label.
    #[must_use]
    pub fn staged(&self, stage: &str) -> Option<&Version> {
        self.versions.iter().find(|version| version.stages.contains(stage))
    }

    /// Returns the version with `AWSCURRENT`.
    #[must_use]
    pub fn current(&self) -> Option<&Version> {
        self.staged(CURRENT)
    }

    /// Returns the current value, if it is text.
    #[must_use]
    pub fn current_text(&self) -> Option<&str> {
        match &self.current()?.value {
            SecretValue::Text(text) => Some(text),
            SecretValue::Binary(_) => None,
        }
    }

    /// Returns the version of this id.
    #[must_use]
    pub fn version(&self, id: &str) -> Option<&Version> {
        self.versions.iter().find(|version| version.id == id)
    }

    pub(super) fn gone(&self, now: SystemTime) -> bool {
        self.deletion.as_ref().is_some_and(|deletion| deletion.gone <= now)
    }

    /// Makes room for one more version: the oldest without a label go, once they are a day old. Returns false if there are
    /// not enough of them.
    pub(super) fn make_room(&mut self, now: SystemTime) -> bool {
        let is_over = |version: &Version| version.stages.is_empty() && version.created + KEPT <= now;
        while self.versions.len() >= MAX_VERSIONS {
            let Some(at) = self.versions.iter().position(is_over) else { return false };
            self.versions.remove(at);
        }
        true
    }

    /// Adds a version and moves labels to it. Where `AWSCURRENT` is taken from, `AWSPREVIOUS` goes.
    pub(super) fn add_version(&mut self, id: &str, value: SecretValue, mut stages: BTreeSet<String>, now: SystemTime) {
        if self.versions.is_empty() {
            // The first version is always the current one.
            stages.insert(CURRENT.to_owned());
        }
        self.versions.push(Version { id: id.to_owned(), value, stages: BTreeSet::new(), created: now });
        for stage in &stages {
            self.move_label(stage, id);
        }
        self.changed = now;
    }

    /// Moves a label to a version. Where `AWSCURRENT` is taken from, `AWSPREVIOUS` goes.
    pub(super) fn move_label(&mut self, stage: &str, to: &str) {
        let former = self.staged(stage).map(|version| version.id.clone()).filter(|former| former != to);
        for version in &mut self.versions {
            version.stages.remove(stage);
            if version.id == to {
                version.stages.insert(stage.to_owned());
            }
        }
        if let Some(former) = former.filter(|_| stage == CURRENT) {
            self.move_label(PREVIOUS, &former);
        }
    }
}
