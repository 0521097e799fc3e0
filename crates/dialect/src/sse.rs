//! Server-sent events from a provider, whatever way the network cuts them.
//! Source: WHATWG HTML, section 9.2.6 "Interpreting an event stream".

/// Gathers bytes and gives back the `data` of each complete event.
#[derive(Default)]
pub struct EventParser {
    line: Vec<u8>,
    data: Option<String>,
    after_carriage_return: bool,
}

impl EventParser {
    /// The data of the events that these bytes complete. Comments and other fields are passed over.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut events = Vec::new();
        for &byte in bytes {
            let follows_carriage_return = std::mem::take(&mut self.after_carriage_return);
            match byte {
                b'\n' if follows_carriage_return => {}
                b'\n' | b'\r' => {
                    self.after_carriage_return = byte == b'\r';
                    events.extend(self.end_line());
                }
                _ => self.line.push(byte),
            }
        }
        events
    }

    fn end_line(&mut self) -> Option<String> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            return self.data.take();
        }
        let line = String::from_utf8_lossy(&line);
        if let Some(value) = line.strip_prefix("data:") {
            let value = value.strip_prefix(' ').unwrap_or(value);
            match &mut self.data {
                None => self.data = Some(value.to_owned()),
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STREAM: &str =
        ": keep-alive\r\n\r\ndata: {\"a\":\"é\"}\r\n\r\nevent: x\ndata: one\ndata: two\n\ndata: [DONE]\n\n";

    #[test]
    fn comments_are_passed_over_and_lines_joined() {
        let events = EventParser::default().feed(STREAM.as_bytes());
        assert_eq!(events, ["{\"a\":\"é\"}", "one\ntwo", "[DONE]"]);
    }

    proptest! {
        #[test]
        fn it_does_not_matter_where_the_network_cuts(cuts in proptest::collection::vec(1_usize..9, 0..80)) {
            let mut parser = EventParser::default();
            let mut rest = STREAM.as_bytes();
            let mut events = Vec::new();
            for cut in cuts {
                let (now, later) = rest.split_at(cut.min(rest.len()));
                events.extend(parser.feed(now));
                rest = later;
            }
            events.extend(parser.feed(rest));
            prop_assert_eq!(events, EventParser::default().feed(STREAM.as_bytes()));
        }
    }
}
