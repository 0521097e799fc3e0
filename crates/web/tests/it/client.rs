//! A client that sees every byte and when it comes.

use std::{io, net::SocketAddr, time::Duration};

use cultivar_testkit::wire;
use serde_json::Value;
use tokio::{net::TcpStream, time::timeout};

/// A test that waits longer than this has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// A response of which the head has come.
pub(crate) struct Open {
    stream: TcpStream,
    unread: Vec<u8>,
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    /// Bytes of the body that are still to come, where it has a length.
    left: Option<usize>,
}

/// A response that was read to its end.
#[derive(Clone, Debug)]
pub(crate) struct Whole {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Whole {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// Status, type and code of an error.
    #[track_caller]
    pub(crate) fn error(&self) -> (u16, String, String) {
        let body = self.json();
        let error = &body["error"];
        assert!(error["message"].is_string(), "{body}");
        for name in ["type", "param", "code"] {
            assert!(error.get(name).is_some(), "{name}: {body}");
        }
        assert!(self.header("x-request-id").is_some(), "{:?}", self.headers);
        let word = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
        (self.status, word("type"), word("code"))
    }
}

fn find<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = headers.iter().find(|(found, _)| found == name);
    found.map(|(_, value)| value.as_str())
}

/// Sends a request to its last byte; the connection ends with the response.
pub(crate) async fn request(
    to: SocketAddr,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(to).await?;
    stream.set_nodelay(true)?;
    let mut head = format!("POST {path} HTTP/1.1\r\nhost: {to}\r\nconnection: close\r\n");
    for (name, value) in headers {
        head = head + name + ": " + value + "\r\n";
    }
    let mut bytes = format!("{head}content-length: {}\r\n\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    wire::write_all(&stream, &bytes).await?;
    Ok(stream)
}

/// Reads the head of a response.
pub(crate) async fn response(stream: TcpStream) -> io::Result<Open> {
    let mut unread = Vec::new();
    let end = loop {
        if let Some(end) = unread.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if timeout(PATIENCE, wire::read_some(&stream, &mut unread)).await?? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    };
    let rest = unread.split_off(end);
    let head = String::from_utf8(unread).map_err(io::Error::other)?;
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let header = |line: &str| {
        line.split_once(": ")
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
    };
    let headers: Vec<_> = lines.filter_map(header).collect();
    let left = find(&headers, "content-length").and_then(|length| length.parse().ok());
    Ok(Open {
        stream,
        unread: rest,
        status: status.ok_or_else(|| io::Error::other(head.clone()))?,
        headers,
        left,
    })
}

impl Open {
    async fn more(&mut self) -> io::Result<()> {
        match timeout(PATIENCE, wire::read_some(&self.stream, &mut self.unread)).await?? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    async fn take(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.unread.len() < length {
            self.more().await?;
        }
        let rest = self.unread.split_off(length);
        Ok(std::mem::replace(&mut self.unread, rest))
    }

    async fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = self.unread.windows(2).position(|window| window == b"\r\n") {
                let line = self.take(end + 2).await?;
                return Ok(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            self.more().await?;
        }
    }

    /// The next bytes of the body; nothing at its end. A body that breaks off is an error.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        if let Some(left) = self.left {
            self.left = Some(0);
            return if left == 0 {
                Ok(None)
            } else {
                self.take(left).await.map(Some)
            };
        }
        let length = usize::from_str_radix(&self.line().await?, 16).map_err(io::Error::other)?;
        let bytes = self.take(length).await?;
        self.line().await?;
        Ok((length > 0).then_some(bytes))
    }

    /// Reads until the body holds some bytes.
    pub(crate) async fn until(&mut self, wanted: &str) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        while !String::from_utf8_lossy(&body).contains(wanted) {
            match self.next().await? {
                Some(bytes) => body.extend(bytes),
                None => {
                    return Err(io::Error::other(format!(
                        "{wanted:?} never came: {}",
                        String::from_utf8_lossy(&body)
                    )));
                }
            }
        }
        Ok(body)
    }

    pub(crate) async fn whole(mut self) -> io::Result<Whole> {
        let mut body = Vec::new();
        while let Some(bytes) = self.next().await? {
            body.extend(bytes);
        }
        Ok(Whole {
            status: self.status,
            headers: self.headers,
            body,
        })
    }
}
