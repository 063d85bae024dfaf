//! rest-json: the method and the URI choose the operation; members are in labels, the query, headers and the body.

use aws_smithy_types::base64;
use http::Request;
use serde_json::{Map, Value};

use super::request::{Routed, body, serialization, unknown_operation};
use crate::model::{Location, Model, Shape, Structure};
use crate::service::ApiError;

pub(super) fn route(model: &'static Model, request: &Request<Vec<u8>>) -> Result<Routed, ApiError> {
    let path = request.uri().path();
    let (operation, labels) = model
        .operations
        .iter()
        .filter(|(_, operation)| operation.method == request.method().as_str())
        .find_map(|(name, operation)| Some((name, labels(&operation.uri, path)?)))
        .ok_or_else(unknown_operation)?;
    let structure = model.structure(&model.operations[operation].input);
    let mut input = Map::new();
    for (label, text) in labels {
        let name = located(structure, Location::Uri, label).ok_or_else(unknown_operation)?;
        insert(model, structure, &mut input, name, &decode(text)?)?;
    }
    for pair in request.uri().query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (parameter, text) = pair.split_once('=').unwrap_or((pair, ""));
        let parameter = decode(parameter)?;
        // AWS ignores a parameter it does not know; here it is a typo.
        let name = located(structure, Location::QueryString, &parameter)
            .ok_or_else(|| serialization(format!("the query has no parameter '{parameter}'")))?;
        insert(model, structure, &mut input, name, &decode(text)?)?;
    }
    for (name, member) in structure.members.iter().filter(|(_, member)| member.location == Location::Header) {
        if let Some(value) = request.headers().get(&member.name) {
            let text =
                value.to_str().map_err(|_| serialization(format!("the header '{}' is not text", member.name)))?;
            insert(model, structure, &mut input, name, text)?;
        }
    }
    if let Some(payload) = &structure.payload {
        input.insert(payload.clone(), Value::String(base64::encode(request.body())));
        return Ok(Routed { operation, input });
    }
    for (name, value) in body(request.body())? {
        if structure.members.get(&name).is_some_and(|member| member.location != Location::Body) {
            return Err(serialization(format!("the member '{name}' does not belong in the body")));
        }
        input.insert(name, value);
    }
    Ok(Routed { operation, input })
}

/// Returns the labels of a URI template with their texts in `path`, if it fits. A trailing slash is ignored.
fn labels<'a>(template: &'static str, path: &'a str) -> Option<Vec<(&'static str, &'a str)>> {
    let template: Vec<&str> = template.trim_matches('/').split('/').collect();
    let path: Vec<&str> = path.strip_prefix('/')?.strip_suffix('/').unwrap_or(&path[1..]).split('/').collect();
    if template.len() != path.len() {
        return None;
    }
    let mut labels = Vec::new();
    for (part, text) in template.into_iter().zip(path) {
        match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            // An empty label is another path, not an empty value.
            Some(label) if !text.is_empty() => labels.push((label, text)),
            None if part == text => {}
            _ => return None,
        }
    }
    Some(labels)
}

/// Returns the member that has this name at this place.
fn located<'m>(structure: &'m Structure, location: Location, name: &str) -> Option<&'m str> {
    structure
        .members
        .iter()
        .find(|(_, member)| member.location == location && member.name == name)
        .map(|(name, _)| name.as_str())
}

/// Reads a text by the member's type. A list takes one text at a time.
fn insert(
    model: &Model,
    structure: &Structure,
    input: &mut Map<String, Value>,
    name: &str,
    text: &str,
) -> Result<(), ApiError> {
    let typed = |shape: &Shape| match shape {
        Shape::Integer(_) | Shape::Long(_) => text.parse::<i64>().map(Value::from).ok(),
        Shape::Boolean {} => text.parse::<bool>().map(Value::from).ok(),
        Shape::String(_) => Some(Value::from(text)),
        _ => None,
    };
    let shape = model.shape(&structure.members[name].shape);
    let element = if let Shape::List(list) = shape { model.shape(&list.member) } else { shape };
    let value = typed(element).ok_or_else(|| serialization(format!("the member '{name}' has the wrong type")))?;
    match (shape, input.get_mut(name)) {
        (Shape::List(_), Some(Value::Array(elements))) => elements.push(value),
        (Shape::List(_), _) => drop(input.insert(name.to_owned(), Value::Array(vec![value]))),
        (_, None) => drop(input.insert(name.to_owned(), value)),
        (_, Some(_)) => return Err(serialization(format!("the member '{name}' is given twice"))),
    }
    Ok(())
}

/// Undoes percent encoding.
pub(crate) fn decode(text: &str) -> Result<String, ApiError> {
    let wrong = || serialization("the URI has a broken percent encoding");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next().ok_or_else(wrong)?, rest.next().ok_or_else(wrong)?];
            let digits = std::str::from_utf8(&digits).map_err(|_| wrong())?;
            bytes.push(u8::from_str_radix(digits, 16).map_err(|_| wrong())?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}
