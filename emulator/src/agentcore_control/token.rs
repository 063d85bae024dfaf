//! Client tokens: a call repeated is answered as before, not executed again.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::input::text;
use crate::service::{Answer, ApiError, Call};

/// The answer to a token that comes again with other parameters. Which one AWS gives is not settled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mismatch {
    /// `ValidationException` with the reason `IdempotentParameterMismatchException`, which the service model names.
    #[default]
    Validation,
    /// `ConflictException`.
    Conflict,
}

/// Every token ever used, by operation.
#[derive(Clone, Debug, Default)]
pub(super) struct Tokens {
    pub(super) mismatch: Mismatch,
    seen: BTreeMap<(&'static str, String), Seen>,
}

#[derive(Clone, Debug)]
struct Seen {
    input: Map<String, Value>,
    answer: Value,
}

impl Tokens {
    /// Returns the answer to a call whose token was used before.
    pub(super) fn replay(&self, call: &Call) -> Option<Answer> {
        let token = text(&call.input, "clientToken")?;
        let Seen { input, answer } = self.seen.get(&(call.operation, token.to_owned()))?;
        if *input == call.input {
            return Some(Ok(answer.clone()));
        }
        let message = "The client token was used before with different parameters.";
        Some(Err(match self.mismatch {
            Mismatch::Validation => ApiError {
                reason: Some("IdempotentParameterMismatchException"),
                ..ApiError::new(400, "ValidationException", message)
            },
            Mismatch::Conflict => ApiError::new(409, "ConflictException", message),
        }))
    }

    /// Remembers the answer to a call that succeeded.
    pub(super) fn record(&mut self, call: &Call, answer: &Value) {
        if let Some(token) = text(&call.input, "clientToken") {
            let seen = Seen { input: call.input.clone(), answer: answer.clone() };
            self.seen.insert((call.operation, token.to_owned()), seen);
        }
    }
}
