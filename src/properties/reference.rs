//! Writes the tables of docs/reference.md from the declarations.

use super::documentation::{Documentation, Kind};
use super::reader::{PropertySet, flatten};
use super::values::{Choice, FromProperty};
use crate::error::Error;

impl Kind {
    /// Describes values that a type reads.
    pub(crate) fn of<T: FromProperty>() -> Self {
        Self { words: T::kind(), is_required: T::IS_REQUIRED }
    }

    /// Describes values that the parameter of a conversion reads.
    pub(crate) fn mapped_by<R: FromProperty, T>(_: &impl Fn(R) -> T) -> Self {
        Self::of::<R>()
    }

    /// Describes values that the parameter of a fallible conversion reads.
    pub(crate) fn parsed_by<R: FromProperty, T>(_: &impl Fn(&str, R) -> Result<T, Error>) -> Self {
        Self::of::<R>()
    }
}

/// A value that can be a default.
pub(crate) trait InWords {
    /// Returns the value as a template gives it.
    fn in_words(&self) -> String;
}

impl InWords for i32 {
    fn in_words(&self) -> String {
        self.to_string()
    }
}

impl InWords for String {
    fn in_words(&self) -> String {
        self.clone()
    }
}

impl<T: Choice + PartialEq> InWords for T {
    fn in_words(&self) -> String {
        T::choices().find(|(_, value)| value == self).map(|(word, _)| word.to_owned()).expect("a value has a word")
    }
}

/// Writes a default.
pub(crate) fn in_words(value: &impl InWords) -> String {
    format!("`{}`", value.in_words())
}

/// Returns the table of a type's properties in Markdown.
pub(crate) fn table<T: PropertySet>() -> String {
    let mut table = "| Property | Value | Default | Meaning |\n|---|---|---|---|\n".to_owned();
    for property in flatten(T::TABLE) {
        let Documentation { kind, default, replaces, text } = (property.documentation)();
        let range = property.range.as_ref().map(|range| format!(", {} to {}", range.start(), range.end()));
        let length = property.chars_max.map(|chars_max| format!(", at most {chars_max} characters"));
        let cells = [
            format!("`{}`", property.name),
            [Some(kind.words), range, length].into_iter().flatten().collect(),
            default.unwrap_or_else(|| if kind.is_required { "– (required)" } else { "none" }.to_owned()),
            format!("{}{}", text.replace('|', "\\|"), if replaces { " **Replaces.**" } else { "" }),
        ];
        table.extend(["| ", &cells.join(" | "), " |\n"]);
    }
    table
}
