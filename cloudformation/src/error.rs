//! The error of a request that CloudFormation refused before it did anything.

use std::fmt;

/// A refused request: no stack was created or changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidationError {
    /// The API's error code: `ValidationError`, `InsufficientCapabilitiesException` or `AlreadyExistsException`.
    pub code: &'static str,
    /// The text, as CloudFormation words it where its wording is known.
    pub message: String,
}

impl ValidationError {
    /// Creates the usual error: something in the request or the template is wrong.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { code: "ValidationError", message: message.into() }
    }

    /// Creates the error of a template that is not shaped as a template.
    pub(crate) fn format(message: impl fmt::Display) -> Self {
        Self::new(format!("Template format error: {message}"))
    }

    /// Creates the error of a well-formed template in which a function cannot be evaluated.
    pub(crate) fn template(message: impl fmt::Display) -> Self {
        Self::new(format!("Template error: {message}"))
    }
}

impl fmt::Display for ValidationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for ValidationError {}
