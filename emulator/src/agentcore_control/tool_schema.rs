//! The catalogue of a target: from `mcpToolSchema`, inline or in S3, and the rules for every one.

use serde_json::Value;

use super::errors::invalid;
use crate::objects::Objects;
use crate::service::ApiError;

/// Bytes of an inline schema [DG bedrock-agentcore-limits].
const MAX_INLINE: usize = 1024 * 1024;
/// Bytes of a schema in S3.
const MAX_OBJECT: usize = 10 * 1024 * 1024;
/// Tools of one target [DG bedrock-agentcore-limits].
const MAX_TOOLS: usize = 1000;
/// Characters of a tool's name.
const MAX_NAME: usize = 256;

/// Returns the tools in the schema of an MCP server, if it has one.
pub(super) fn tools(server: &Value, objects: &Objects) -> Result<Option<Vec<Value>>, ApiError> {
    let Some(schema) = server.get("mcpToolSchema") else { return Ok(None) };
    let (bytes, most) = match (schema["inlinePayload"].as_str(), s3_uri(server)) {
        (Some(inline), _) => (inline.as_bytes(), MAX_INLINE),
        (None, Some(uri)) => {
            let object = objects.get(uri);
            (object.ok_or_else(|| invalid(format!("The tool schema '{uri}' cannot be read from S3.")))?, MAX_OBJECT)
        }
        (None, None) => return Err(invalid("mcpToolSchema.s3 needs a uri.")),
    };
    if bytes.len() > most {
        return Err(invalid(format!("The tool schema has {} bytes; it can have at most {most}.", bytes.len())));
    }
    let document: Value =
        serde_json::from_slice(bytes).map_err(|error| invalid(format!("The tool schema is not JSON: {error}.")))?;
    let Some(tools) = document.get("tools").and_then(Value::as_array) else {
        return Err(invalid("The tool schema must be a JSON object with a list of tools: {\"tools\": […]}."));
    };
    check_tools(tools).map_err(invalid)?;
    Ok(Some(tools.clone()))
}

/// Returns the object that a schema is in, if it is not inline.
pub(super) fn s3_uri(server: &Value) -> Option<&str> {
    server.get("mcpToolSchema")?.get("s3")?.get("uri")?.as_str()
}

/// Checks a catalogue, whether it comes from a schema or from a server. The error is a sentence.
pub(super) fn check_tools(tools: &[Value]) -> Result<(), String> {
    if tools.len() > MAX_TOOLS {
        return Err(format!("The target has {} tools; a target can have at most {MAX_TOOLS}.", tools.len()));
    }
    tools.iter().enumerate().try_for_each(|(index, tool)| check_tool(index, tool))
}

fn check_tool(index: usize, tool: &Value) -> Result<(), String> {
    let name = tool["name"].as_str().filter(|name| (1..=MAX_NAME).contains(&name.chars().count()));
    let missing = if name.is_none() {
        "a name of 1 to 256 characters"
    } else if tool.get("description").is_some_and(|description| !description.is_string()) {
        // Optional, as in MCP's own schema, which the service model names as the rule.
        "a text as its description"
    } else if tool["inputSchema"]["type"] != "object" {
        // "type" is the one required member of MCP's own schema for it.
        "an inputSchema of the type object"
    } else {
        return Ok(());
    };
    Err(format!("Tool {} of the target needs {missing}.", index + 1))
}
