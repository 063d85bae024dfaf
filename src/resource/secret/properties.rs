//! The desired state of a secret, and the checks that need no call.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use crate::error::Error;
use crate::properties::{FromText, PropertyReader, PropertySet, Table};
use crate::requester::Requester;
use crate::sensitive::Sensitive;
use crate::tags;
use crate::text::quote;

/// The desired state.
#[derive(Debug)]
pub(crate) enum Properties {
    /// A secret that the stack owns.
    Managed(Managed),
    /// A secret that somebody else owns: it is verified, but never changed or deleted.
    Existing {
        /// Name or ARN.
        secret_id: String,
        /// The keys that its value must have.
        required_keys: Vec<RequiredKey>,
    },
}

/// A secret that the stack owns.
#[derive(Debug, PropertySet)]
pub(crate) struct Managed {
    /// Map of keys and texts to store. Empty entries are left out. On update, keys you drop are removed, and keys that
    /// others added stay byte for byte. At most 65 536 bytes as JSON.
    #[property(name = "Values", default_text = "–")]
    pub values: BTreeMap<String, Sensitive>,
    /// Keys to fill with 32 random bytes (base64url), once; they are kept from then on.
    #[property(name = "GeneratedKeys")]
    pub generated_keys: BTreeSet<String>,
    /// Keys that must be there with a non-empty value; `A|B` means either.
    #[property(name = "RequiredKeys")]
    pub required_keys: Vec<RequiredKey>,
    /// Letters, digits and `/_+=.@-`.
    #[property(
        name = "SecretName",
        default_text = "`<stack>/<logical id>/<8 digits>`",
        chars = 512,
        check = check_name,
        replaces
    )]
    pub name: Option<String>,
    /// Free text. Never a secret.
    #[property(name = "Description", chars = 2048)]
    pub description: Option<String>,
    /// Key that encrypts the value.
    #[property(name = "KmsKeyId", default_text = "`aws/secretsmanager`")]
    pub kms_key_id: Option<String>,
    /// Tags of the secret: see [above](#what-all-resource-types-have-in-common).
    #[property(name = "Tags", check = tags::check)]
    pub tags: BTreeMap<String, String>,
}

/// Everything that a template may give.
#[derive(Debug, PropertySet)]
struct Given {
    #[property(flatten)]
    managed: Managed,
    /// Days that the deleted secret can be restored; 0 deletes it at once, even if somebody has scheduled its deletion.
    // Checked here, used by Delete, which reads it from the raw properties.
    #[property(name = "RecoveryWindowInDays", default = RecoveryWindow::DEFAULT)]
    _recovery_window: RecoveryWindow,
    /// Name or ARN. Must exist, be readable, hold a JSON object and not be scheduled for deletion. Goes with
    /// `RequiredKeys` only.
    #[property(name = "ExistingSecretId", default_text = "–", replaces)]
    existing: Option<String>,
}

/// A required key. `A|B` means that at least one of these keys must be there with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequiredKey(Vec<String>);

impl FromText for RequiredKey {
    fn from_text(text: String) -> Result<Self, String> {
        let keys: Vec<_> = text.split('|').map(|key| key.trim().to_owned()).collect();
        if keys.iter().any(String::is_empty) {
            return Err(format!("has the entry {}; write `KEY`, or `KEY_A|KEY_B` for either of two", quote(&text)));
        }
        Ok(Self(keys))
    }
}

impl RequiredKey {
    /// Returns true if one of the keys passes `has_value`.
    pub(crate) fn met(&self, has_value: impl Fn(&str) -> bool) -> bool {
        self.0.iter().any(|key| has_value(key))
    }

    /// Returns the keys for a sentence: `` `A` or `B` ``.
    pub(crate) fn describe(&self) -> String {
        self.0.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(" or ")
    }
}

impl Managed {
    /// Returns the secret's name. The derived name ends in a slash and eight digits, because a hyphen and six
    /// characters would look like the end of an ARN (Secrets Manager API reference, `CreateSecret`).
    pub(crate) fn name(&self, requester: &Requester) -> String {
        self.name.clone().unwrap_or_else(|| default_name(requester))
    }
}

/// Returns the name of a secret whose template gives none.
pub(crate) fn default_name(requester: &Requester) -> String {
    format!("{}/{}/{}", requester.stack_name(), requester.logical_id, requester.suffix())
}

impl PropertySet for Properties {
    const TABLE: Table = Given::TABLE;

    fn read(reader: &PropertyReader<'_>) -> Result<Self, Error> {
        let Given { managed, existing, .. } = Given::read(reader)?;
        match (reader.is_given("Values"), existing) {
            (true, Some(_)) => Err(Error::property(
                "ExistingSecretId",
                "is given together with `Values`; give one of them: an existing secret is never written to",
            )),
            (false, None) => Err(Error::property(
                "Values",
                "is missing; give the keys and values of a new secret, or `ExistingSecretId` for one that exists",
            )),
            (false, Some(secret_id)) => managed.into_existing(secret_id),
            (true, None) => managed.check().map(Self::Managed),
        }
    }
}

impl Managed {
    /// Returns the properties of somebody else's secret. Refuses properties that would change it.
    fn into_existing(self, secret_id: String) -> Result<Properties, Error> {
        let given = [
            ("SecretName", self.name.is_some()),
            ("Description", self.description.is_some()),
            ("KmsKeyId", self.kms_key_id.is_some()),
            ("GeneratedKeys", !self.generated_keys.is_empty()),
            ("Tags", !self.tags.is_empty()),
        ];
        if let Some((property, _)) = given.into_iter().find(|(_, given)| *given) {
            let problem = "has no effect with `ExistingSecretId`, which is never changed; leave it out";
            return Err(Error::property(property, problem));
        }
        Ok(Properties::Existing { secret_id, required_keys: self.required_keys })
    }

    fn check(self) -> Result<Self, Error> {
        if let Some(key) = self.generated_keys.iter().find(|key| self.values.contains_key(*key)) {
            return Err(Error::property("GeneratedKeys", format!("names `{key}`, which `Values` gives; drop one")));
        }
        Ok(self)
    }
}

/// Refuses a value that lacks a required key. `found` says which value it is, if the property's name does not.
pub(super) fn check_required(
    property: &str,
    found: &str,
    required: &[RequiredKey],
    has_value: impl Fn(&str) -> bool,
) -> Result<(), Error> {
    let missing: Vec<_> = required.iter().filter(|key| !key.met(&has_value)).map(RequiredKey::describe).collect();
    if missing.is_empty() {
        return Ok(());
    }
    // Semicolons keep the alternatives of one key together.
    let problem = format!("{found}lacks non-empty values: {}; add what is missing", missing.join("; "));
    Err(Error::property(property, problem))
}

/// The days for which a deleted secret stays recoverable. `None` means that it is deleted at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RecoveryWindow(pub(super) Option<i32>);

impl RecoveryWindow {
    pub(super) const DEFAULT: Self = Self(Some(30));
    /// The days that Secrets Manager allows (API reference, DeleteSecret).
    const DAYS: RangeInclusive<i32> = 7..=30;
}

impl FromText for RecoveryWindow {
    #[cfg(test)]
    fn kind() -> String {
        format!("0, or a whole number from {} to {}", Self::DAYS.start(), Self::DAYS.end())
    }

    fn from_text(text: String) -> Result<Self, String> {
        match text.parse() {
            Ok(0) => Ok(Self(None)),
            Ok(days) if Self::DAYS.contains(&days) => Ok(Self(Some(days))),
            _ => Err(format!("is {}; use 0 (no recovery) or 7 to 30", quote(&text))),
        }
    }
}

#[cfg(test)]
impl crate::properties::reference::InWords for RecoveryWindow {
    fn in_words(&self) -> String {
        self.0.unwrap_or(0).to_string()
    }
}

/// Checks the characters of a name (Secrets Manager API reference, `CreateSecret`). The reference only advises against
/// a name that ends like an ARN, in a hyphen and six characters.
fn check_name(property: &str, name: &str) -> Result<(), Error> {
    if name.chars().all(|c| c.is_ascii_alphanumeric() || "/_+=.@-".contains(c)) {
        return Ok(());
    }
    Err(Error::property(property, format!("is {}; use letters, digits and /_+=.@-", quote(name))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_api() {
        assert!(check_name("SecretName", "mcp-server").is_ok());
        assert!(check_name("SecretName", "has space").is_err());
    }

    #[test]
    fn recovery_windows() {
        let read = |text: &str| RecoveryWindow::from_text(text.to_owned());
        assert_eq!((read("0"), read("7")), (Ok(RecoveryWindow(None)), Ok(RecoveryWindow(Some(7)))));
        assert!(read("3").is_err() && read("soon").is_err());
    }
}
