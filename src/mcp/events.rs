//! Reads server-sent events (HTML standard, §9.2), as far as MCP uses them. Everything else is skipped.

/// The name that an event has if it carries a message of MCP. An event without a name is one, too.
const MESSAGE: &str = "message";
pub(super) const BYTE_ORDER_MARK: &str = "\u{feff}";

/// A stream of events that is being read.
#[derive(Debug, Default)]
pub(super) struct Events {
    line: Vec<u8>,
    after_cr: bool,
    name: String,
    data: Option<String>,
}

impl Events {
    /// Reads further bytes. Returns the data of the messages that they complete.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut messages = Vec::new();
        for &byte in bytes {
            let ends_crlf = byte == b'\n' && self.after_cr;
            self.after_cr = byte == b'\r';
            match byte {
                b'\n' if ends_crlf => {}
                b'\n' | b'\r' => messages.extend(self.end_line()),
                _ => self.line.push(byte),
            }
        }
        messages
    }

    /// Ends the stream. Returns the data of a last message that no empty line follows, which some servers leave out.
    pub(super) fn end(mut self) -> Option<String> {
        self.end_line().or_else(|| self.end_event())
    }

    fn end_line(&mut self) -> Option<String> {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        let line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&line);
        if line.is_empty() {
            return self.end_event();
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => match &mut self.data {
                Some(data) => data.extend(["\n", value]),
                None => self.data = Some(value.to_owned()),
            },
            // A comment, an id, a time to wait, or nothing known.
            _ => {}
        }
        None
    }

    fn end_event(&mut self) -> Option<String> {
        let name = std::mem::take(&mut self.name);
        let is_message = name.is_empty() || name == MESSAGE;
        self.data.take().filter(|data| is_message && !data.trim().is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(stream: &str, chunk: usize) -> Vec<String> {
        let mut events = Events::default();
        let mut messages: Vec<_> = stream.as_bytes().chunks(chunk).flat_map(|bytes| events.feed(bytes)).collect();
        messages.extend(events.end());
        messages
    }

    #[test]
    fn messages_are_found_among_everything_else() {
        let stream = "\u{feff}: a comment\nretry: soon\n\nevent: ping\ndata: {\"type\":\"ping\"}\n\ndata:\n\nunknown: x\n\
                      no colon\nid: 1\nid: 2\ndata: {\"a\":\ndata: 1}\n\nevent: message\ndata:two\n\nevent: x\n\n\
                      data: three";
        for ending in ["\n", "\r\n", "\r"] {
            for chunk in [1, 7, 1000] {
                let stream = stream.replace('\n', ending);
                assert_eq!(messages(&stream, chunk), ["{\"a\":\n1}", "two", "three"], "{ending:?} {chunk}");
            }
        }
    }
}
