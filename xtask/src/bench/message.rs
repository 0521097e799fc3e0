//! Where one HTTP/1.1 message ends in a buffer (RFC 9112, sections 5 to 7). The mock reads requests with it, the load generator answers.
//!
//! It knows length and chunks, and nothing of what they carry; a body that ends with the connection is not taken.

use std::ops::Range;

/// A message that may still be arriving. Bytes once looked at are not looked at again.
#[derive(Debug, Default)]
pub(super) struct Message {
    head: Option<Head>,
    /// Where the next chunk's size begins, where the body is chunked.
    next_chunk: usize,
}

/// What the head says about the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    /// Length of the head with its empty line.
    length: usize,
    /// `None`: chunked.
    body: Option<usize>,
    /// Whether the connection ends after this message.
    last: bool,
}

/// A message of which all has arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Whole {
    /// Where its body lies, the sizes of chunks included.
    pub(super) body: Range<usize>,
    /// Whether the connection ends after it.
    pub(super) last: bool,
}

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

impl Message {
    /// The message at the beginning of what has arrived so far; `None` while some of it is missing.
    pub(super) fn whole(&mut self, arrived: &[u8]) -> Result<Option<Whole>, Malformed> {
        let head = if let Some(head) = self.head {
            head
        } else {
            let Some(length) = end_of_head(arrived) else {
                return Ok(None);
            };
            let head = Head::read(arrived.get(..length).unwrap_or_default())?;
            self.next_chunk = length;
            *self.head.insert(head)
        };
        let end = match head.body {
            Some(length) => Some(head.length + length).filter(|end| *end <= arrived.len()),
            None => self.end_of_chunks(arrived)?,
        };
        Ok(end.map(|end| Whole {
            body: head.length..end,
            last: head.last,
        }))
    }

    /// Follows the chunks as far as they have arrived.
    fn end_of_chunks(&mut self, arrived: &[u8]) -> Result<Option<usize>, Malformed> {
        loop {
            let rest = arrived.get(self.next_chunk..).unwrap_or_default();
            let Some(line) = rest.iter().position(|byte| *byte == b'\n') else {
                return Ok(None);
            };
            let size = chunk_size(rest.get(..line).unwrap_or_default())?;
            // The chunk's own line end follows; after the last chunk it is the empty line, for nobody here sends trailers.
            let after = self.next_chunk + line + 1 + size + 2;
            if after > arrived.len() {
                return Ok(None);
            }
            if size == 0 {
                return Ok(Some(after));
            }
            self.next_chunk = after;
        }
    }
}

impl Head {
    fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let text = std::str::from_utf8(bytes).map_err(|_| Malformed)?;
        let mut head = Self {
            length: bytes.len(),
            body: Some(0),
            last: false,
        };
        for line in text.lines().skip(1) {
            let Some((name, value)) = line.split_once(':') else {
                continue;
            };
            let value = value.trim();
            if name.eq_ignore_ascii_case("content-length") {
                head.body = Some(value.parse().map_err(|_| Malformed)?);
            } else if name.eq_ignore_ascii_case("transfer-encoding") && value.eq_ignore_ascii_case("chunked") {
                head.body = None;
            } else if name.eq_ignore_ascii_case("connection") && value.eq_ignore_ascii_case("close") {
                head.last = true;
            }
        }
        Ok(head)
    }
}

/// Length of the head, with the empty line that ends it.
fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let empty = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some(empty + 4)
}

/// The size at the beginning of a chunk; extensions after `;` are skipped.
fn chunk_size(line: &[u8]) -> Result<usize, Malformed> {
    let line = std::str::from_utf8(line).map_err(|_| Malformed)?;
    let digits = line.split(';').next().unwrap_or_default().trim();
    usize::from_str_radix(digits, 16).map_err(|_| Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets a message arrive byte by byte; how many bytes it took and where its body lies.
    fn arrive(text: &str) -> Option<(usize, Whole)> {
        let mut message = Message::default();
        (0..=text.len()).find_map(|arrived| {
            let whole = message.whole(&text.as_bytes()[..arrived]).unwrap()?;
            Some((arrived, whole))
        })
    }

    #[test]
    fn a_length_says_where_the_message_ends() {
        let head = "POST / HTTP/1.1\r\ncontent-LENGTH: 3\r\n\r\n";
        let whole = Whole {
            body: head.len()..head.len() + 3,
            last: false,
        };
        assert_eq!(arrive(&format!("{head}abcdef")), Some((head.len() + 3, whole)));
        assert_eq!(arrive(&format!("{head}ab")), None);
    }

    #[test]
    fn the_empty_chunk_says_where_the_message_ends() {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
        let body = "5\r\na\r\n\r\n\r\n1a;x=y\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\n\r\n";
        let whole = Whole {
            body: head.len()..head.len() + body.len(),
            last: true,
        };
        assert_eq!(
            arrive(&format!("{head}{body}next")),
            Some((head.len() + body.len(), whole))
        );
        assert_eq!(arrive(&format!("{head}5\r\nabcde\r\n0\r\n")), None);
    }

    #[test]
    fn without_length_there_is_no_body() {
        let head = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";
        assert_eq!(
            arrive(head),
            Some((
                head.len(),
                Whole {
                    body: head.len()..head.len(),
                    last: false
                }
            ))
        );
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "X\r\ncontent-length: many\r\n\r\n",
            "X\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        ] {
            assert_eq!(Message::default().whole(text.as_bytes()), Err(Malformed), "{text}");
        }
    }
}
