//! The messages that real servers send in addition to an answer, or in the place of a part of it.

/// Events that are not the answer: a comment, events of other names, an empty one, a notification and the answer to
/// another request.
const EVENTS: &str = concat!(
    ": keep-alive\n\n",
    "event: ping\ndata: {\"type\":\"ping\"}\n\n",
    "event: endpoint\ndata: /messages\nretry: 3000\n\n",
    "data:\n\n",
    "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{\"level\":\"info\",\"data\":\"x\"}}\n\n",
    "data: {\"jsonrpc\":\"2.0\",\"id\":999999,\"result\":{}}\n\n",
);
/// Things in a list of tools that are not tools, and one whose schema is not a schema.
const TOOLS: &str = r#"{"name":42},{"description":"no name"},"text",null,{"name":"odd","inputSchema":"none"},"#;
const LIST: &str = r#""tools":["#;

/// Puts events before those of a stream.
pub(super) fn before_events(stream: &[u8]) -> Vec<u8> {
    [EVENTS.as_bytes(), stream].concat()
}

/// Puts malformed tools before those of a list that is not empty.
pub(super) fn among_tools(body: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(body).replacen(LIST, &format!("{LIST}{TOOLS}"), 1).into_bytes()
}
