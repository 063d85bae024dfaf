//! The desired state of a secret, and the checks that need no call.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::Error;
use crate::properties::{PropertyReader, at_most};
use crate::requester::Requester;
use crate::sensitive::Sensitive;
use crate::tags;
use crate::text::quote;

/// What a template may give.
pub(super) const NAMES: [&str; 9] = [
    "SecretName",
    "Description",
    "KmsKeyId",
    "Values",
    "GeneratedKeys",
    "RequiredKeys",
    "ExistingSecretId",
    "RecoveryWindowInDays",
    "Tags",
];
/// Days that Secrets Manager keeps a deleted secret recoverable, where it keeps it at all.
const RECOVERY_DAYS: std::ops::RangeInclusive<i32> = 7..=30;
const RECOVERY_DAYS_DEFAULT: i32 = 30;
const NAME_CHARS_MAX: usize = 512;

/// The desired state.
#[derive(Debug)]
pub(crate) enum Properties {
    /// A secret that the stack owns.
    Managed(Managed),
    /// A secret that somebody else owns: verified, never changed, never deleted.
    Existing {
        /// Name or ARN.
        secret_id: String,
        /// Keys its value must have.
        required_keys: Vec<RequiredKey>,
    },
}

/// A secret that the stack owns.
#[derive(Debug)]
pub(crate) struct Managed {
    /// Chosen name; otherwise one is derived.
    pub name: Option<String>,
    /// Free text; never a secret.
    pub description: Option<String>,
    /// Key that encrypts the value; otherwise the account's default key.
    pub kms_key_id: Option<String>,
    /// The keys and values to store.
    pub values: BTreeMap<String, Sensitive>,
    /// Keys to fill with random text once.
    pub generated_keys: BTreeSet<String>,
    /// Keys the value must have.
    pub required_keys: Vec<RequiredKey>,
    /// The user's tags.
    pub tags: BTreeMap<String, String>,
}

/// `A|B`: at least one of these keys must be there with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequiredKey(Vec<String>);

impl RequiredKey {
    fn parse(text: &str) -> Result<Self, Error> {
        let keys: Vec<_> = text.split('|').map(|key| key.trim().to_owned()).collect();
        if keys.iter().any(String::is_empty) {
            return Err(Error::property(
                "RequiredKeys",
                format!("has the entry {}; write `KEY`, or `KEY_A|KEY_B` for either of two", quote(text)),
            ));
        }
        Ok(Self(keys))
    }

    /// Whether one of the keys passes `has_value`.
    pub(crate) fn met(&self, has_value: impl Fn(&str) -> bool) -> bool {
        self.0.iter().any(|key| has_value(key))
    }

    /// `` `A` or `B` ``
    #[must_use]
    pub(crate) fn describe(&self) -> String {
        self.0.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(" or ")
    }
}

impl Managed {
    /// The secret's name. The derived one ends in a slash and eight digits, because a hyphen and six characters would
    /// look like the end of an ARN (Secrets Manager API reference, `CreateSecret`).
    #[must_use]
    pub(crate) fn name(&self, requester: &Requester) -> String {
        self.name.clone().unwrap_or_else(|| default_name(requester))
    }
}

/// The name of a secret whose template gives none.
#[must_use]
pub(crate) fn default_name(requester: &Requester) -> String {
    format!("{}/{}/{}", requester.stack_name(), requester.logical_id, requester.suffix())
}

pub(super) fn parse(reader: &PropertyReader<'_>) -> Result<Properties, Error> {
    let name = reader.string("SecretName")?;
    let description = reader.string("Description")?;
    let kms_key_id = reader.string("KmsKeyId")?;
    let values = reader.sensitive_map("Values")?;
    let generated_keys: BTreeSet<_> = reader.list("GeneratedKeys")?.into_iter().collect();
    let required_keys =
        reader.list("RequiredKeys")?.iter().map(|text| RequiredKey::parse(text)).collect::<Result<_, _>>()?;
    let existing = reader.string("ExistingSecretId")?;
    // Checked here, used by Delete, which reads it from the raw properties.
    recovery_window(reader.string("RecoveryWindowInDays")?.as_deref())?;
    let tags = tags::read(reader)?;
    match (values, existing) {
        (Some(_), Some(_)) => Err(Error::property(
            "ExistingSecretId",
            "is given together with `Values`; give one of them: an existing secret is never written to",
        )),
        (None, None) => Err(Error::property(
            "Values",
            "is missing; give the keys and values of a new secret, or `ExistingSecretId` for one that exists",
        )),
        (None, Some(secret_id)) => {
            let given = [
                ("SecretName", name.is_some()),
                ("Description", description.is_some()),
                ("KmsKeyId", kms_key_id.is_some()),
                ("GeneratedKeys", !generated_keys.is_empty()),
                ("Tags", !tags.is_empty()),
            ];
            if let Some((property, _)) = given.into_iter().find(|(_, given)| *given) {
                let problem = "has no effect with `ExistingSecretId`, which is never changed; leave it out";
                return Err(Error::property(property, problem));
            }
            Ok(Properties::Existing { secret_id, required_keys })
        }
        (Some(values), None) => {
            if let Some(name) = &name {
                check_name(name)?;
            }
            if let Some(description) = &description {
                at_most("Description", description, 2048)?;
            }
            if let Some(key) = generated_keys.iter().find(|key| values.contains_key(*key)) {
                return Err(Error::property("GeneratedKeys", format!("names `{key}`, which `Values` gives; drop one")));
            }
            Ok(Properties::Managed(Managed {
                name,
                description,
                kms_key_id,
                values,
                generated_keys,
                required_keys,
                tags,
            }))
        }
    }
}

/// Refuses a value that lacks a required key. `found` says which value it is, where the property's name does not.
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

/// Days a deleted secret stays recoverable; `None` means it is deleted at once.
pub(super) fn recovery_window(text: Option<&str>) -> Result<Option<i32>, Error> {
    match text.map(|text| text.trim().parse::<i32>()) {
        None => Ok(Some(RECOVERY_DAYS_DEFAULT)),
        Some(Ok(0)) => Ok(None),
        Some(Ok(days)) if RECOVERY_DAYS.contains(&days) => Ok(Some(days)),
        Some(_) => Err(Error::property(
            "RecoveryWindowInDays",
            format!("is {}; use 0 (no recovery) or 7 to 30", quote(text.unwrap_or_default())),
        )),
    }
}

/// The characters of a name (Secrets Manager API reference, `CreateSecret`). A name that ends like an ARN, in a hyphen
/// and six characters, is only advised against there.
fn check_name(name: &str) -> Result<(), Error> {
    at_most("SecretName", name, NAME_CHARS_MAX)?;
    if name.chars().all(|c| c.is_ascii_alphanumeric() || "/_+=.@-".contains(c)) {
        return Ok(());
    }
    Err(Error::property("SecretName", format!("is {}; use letters, digits and /_+=.@-", quote(name))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_api() {
        assert!(check_name("mcp-server").is_ok());
        assert!(check_name("has space").is_err());
    }

    #[test]
    fn recovery_windows() {
        assert_eq!(recovery_window(None).unwrap(), Some(30));
        assert_eq!(recovery_window(Some("0")).unwrap(), None);
        assert!(recovery_window(Some("3")).is_err());
        assert!(recovery_window(Some("soon")).is_err());
    }
}
