//! Staging labels: `UpdateSecretVersionStage`, and the events about labels that move.

use std::collections::BTreeMap;

use serde_json::json;

use super::secret::{CURRENT, PREVIOUS};
use super::{SecretsManager, errors, identity};
use crate::event_bus::Event;
use crate::input::{required, text};
use crate::service::{Answer, Call};

/// The label of a version that a rotation prepares.
const PENDING: &str = "AWSPENDING";

/// The version of each label, by the secret's name and the label.
pub(super) type Labels = BTreeMap<(String, String), String>;

impl SecretsManager {
    pub(super) fn update_secret_version_stage(&mut self, call: &Call) -> Answer {
        let stage = required(&call.input, "VersionStage");
        let (from, to) = (text(&call.input, "RemoveFromVersionId"), text(&call.input, "MoveToVersionId"));
        let secret = self.find_live(required(&call.input, "SecretId"), call.now)?;
        let holder = secret.staged(stage).map(|version| version.id.clone());
        if holder.as_deref().filter(|holder| Some(*holder) != to) != from.filter(|from| Some(*from) != to) {
            let message = format!(
                "The parameter RemoveFromVersionId can't be empty or differ from the version that has {stage}."
            );
            return Err(errors::invalid_parameter(message));
        }
        match to {
            Some(to) if secret.version(to).is_none() => {
                let message = format!("Secrets Manager can't find the specified secret value for VersionId: {to}");
                return Err(errors::resource_not_found(message));
            }
            Some(to) => secret.move_label(stage, to),
            None if stage == CURRENT => {
                return Err(errors::invalid_parameter("You can't remove AWSCURRENT without moving it."));
            }
            None => {
                for version in &mut secret.versions {
                    version.stages.remove(stage);
                }
            }
        }
        secret.changed = call.now;
        Ok(identity(secret))
    }

    /// Returns the present place of every label.
    pub(super) fn labels(&self) -> Labels {
        let versions = self.secrets.values().flat_map(|secret| secret.versions.iter().map(move |it| (secret, it)));
        let labels = versions.flat_map(|(secret, version)| version.stages.iter().map(move |it| (secret, version, it)));
        labels.map(|(secret, version, it)| ((secret.name.clone(), it.clone()), version.id.clone())).collect()
    }

    /// Notes an event for each label that is elsewhere than `before`. Two labels have none [SM
    /// event-detail-secret-label-updated-secretsmanager].
    pub(super) fn note_moves(&mut self, before: &Labels) {
        let moved = self.labels().into_iter().filter(|(label, version)| before.get(label) != Some(version));
        for ((name, label), version) in moved.filter(|((_, label), _)| label != PENDING && label != PREVIOUS) {
            self.events.push(Event {
                source: "aws.secretsmanager",
                detail_type: "Secret Label Updated",
                resource: self.secrets.get(&name).map(|secret| secret.arn.clone()).unwrap_or_default(),
                detail: json!({"name": name, "labelUpdated": label, "versionId": version}),
            });
        }
    }

    /// Deletes the versions without a label, as the service may at any time (user guide, versions of a secret).
    pub fn delete_deprecated_versions(&mut self) {
        for secret in self.secrets.values_mut() {
            secret.versions.retain(|version| !version.stages.is_empty());
        }
    }

    /// Takes the events that were not published yet.
    pub(crate) fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }
}
