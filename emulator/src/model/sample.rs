//! Values that fit a shape: with every member given, so that no member of a service model goes untried.

use regex_syntax::hir::{Class, ClassUnicodeRange, Hir, HirKind};
use serde_json::{Map as Object, Value, json};

use super::{Location, Model, Range, Shape, Structure, Text, TimestampFormat};

/// The maximum number of repetitions to which a pattern is stretched, until the text is long enough.
const STRETCH: u32 = 64;
/// Preferred over other characters of a class.
const PLAIN: &str = "a0A-/.x";

impl Model {
    /// Creates a valid value of a shape. It has one alternative of a union and one value of an enumeration: another one
    /// for the next `variant`. A structure inside of itself is left out.
    ///
    /// # Panics
    /// If the shape's constraints contradict each other.
    #[must_use]
    pub fn sample(&self, shape: &str, variant: usize) -> Value {
        Sampler { model: self, variant, inside: Vec::new() }.value(shape)
    }
}

struct Sampler<'m> {
    model: &'m Model,
    variant: usize,
    inside: Vec<&'m str>,
}

impl<'m> Sampler<'m> {
    fn value(&mut self, shape: &str) -> Value {
        let model = self.model;
        match model.shape(shape) {
            Shape::Structure(structure) => self.structure(structure),
            Shape::List(list) => {
                let many = list.min.unwrap_or(1).max(1);
                (0..many).map(|_| self.value(&list.member)).collect()
            }
            Shape::Map(map) => {
                let key = self.value(&map.key);
                Value::Object(
                    [(key.as_str().unwrap_or_default().to_owned(), self.value(&map.value))].into_iter().collect(),
                )
            }
            Shape::String(text) => self.text(shape, text),
            Shape::Integer(range) | Shape::Long(range) => self.number(range),
            Shape::Boolean {} => json!(self.variant.is_multiple_of(2)),
            Shape::Blob(_) => json!("AAAA"),
            Shape::Timestamp(timestamp) => match timestamp.timestamp_format {
                TimestampFormat::Iso8601 => json!("2026-09-01T00:00:00Z"),
                TimestampFormat::UnixTimestamp => json!(1_788_220_800),
            },
            Shape::Document {} => json!({"any": [1, null, "text"]}),
        }
    }

    fn structure(&mut self, structure: &'m Structure) -> Value {
        let members = structure.members.iter().filter(|(_, member)| member.location == Location::Body);
        let members: Vec<_> = members.filter(|(_, member)| !self.inside.contains(&member.shape.as_str())).collect();
        let chosen = if structure.union { vec![members[self.variant % members.len()]] } else { members };
        let mut value = Object::new();
        for (name, member) in chosen {
            self.inside.push(&member.shape);
            value.insert(name.clone(), self.value(&member.shape));
            self.inside.pop();
        }
        Value::Object(value)
    }

    fn number(&self, range: &Range) -> Value {
        let least = range.min.unwrap_or(1);
        let wanted = least.saturating_add(i64::try_from(self.variant).unwrap_or_default());
        json!(range.max.map_or(wanted, |max| wanted.min(max)))
    }

    fn text(&self, shape: &str, text: &Text) -> Value {
        if !text.values.is_empty() {
            return json!(text.values[self.variant % text.values.len()]);
        }
        let Some(pattern) = &text.pattern else {
            let least = usize::try_from(text.min.unwrap_or_default()).unwrap_or_default();
            let most = usize::try_from(text.max.unwrap_or(i64::MAX)).unwrap_or(usize::MAX);
            let sample = format!("{:x<least$}", format!("sample-{}", self.variant));
            return json!(sample.chars().take(most).collect::<String>());
        };
        let hir = regex_syntax::parse(&pattern.text).unwrap_or_else(|error| panic!("{shape}: {error}"));
        let texts = (0..=STRETCH).map(|stretch| {
            let mut text = String::new();
            write(&hir, stretch, &mut text);
            json!(text)
        });
        let fits = |text: &Value| self.model.validate(shape, text).is_empty();
        texts.into_iter().find(fits).unwrap_or_else(|| panic!("no text fits {shape}: {}", pattern.text))
    }
}

/// Writes a short text that matches, each repetition `stretch` times more often than it must be.
fn write(hir: &Hir, stretch: u32, text: &mut String) {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => text.push_str(&String::from_utf8_lossy(&literal.0)),
        HirKind::Class(Class::Unicode(class)) => {
            let has = |c: &char| class.iter().any(|range| (range.start()..=range.end()).contains(c));
            let plain = PLAIN.chars().find(has);
            text.extend(plain.or_else(|| class.iter().next().map(ClassUnicodeRange::start)));
        }
        HirKind::Class(Class::Bytes(class)) => {
            text.extend(class.iter().next().map(|range| char::from(range.start())));
        }
        HirKind::Repetition(repetition) => {
            let most = repetition.max.unwrap_or(u32::MAX);
            for _ in 0..repetition.min.saturating_add(stretch).min(most) {
                write(&repetition.sub, 0, text);
            }
        }
        HirKind::Capture(capture) => write(&capture.sub, stretch, text),
        HirKind::Concat(parts) => parts.iter().for_each(|part| write(part, stretch, text)),
        HirKind::Alternation(alternatives) => write(&alternatives[0], stretch, text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::ServiceId;

    #[test]
    fn every_input_of_the_control_plane_has_samples() {
        let model = Model::of(ServiceId::AgentCoreControl);
        for operation in model.operations.values() {
            let input = model.structure(&operation.input);
            for member in input.members.values() {
                for variant in 0..6 {
                    let value = model.sample(&member.shape, variant);
                    assert_eq!(model.validate(&member.shape, &value), [], "{}: {value}", member.shape);
                }
            }
        }
    }
}
