//! As much HTTP as a client and a scripted provider need, on plain sockets.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(20);

/// An answer that was received to its last byte.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) request_id: String,
    pub(crate) body: String,
}

/// Asks for a chat completion. An answer that breaks off is an error.
pub(crate) fn ask(address: &str, key: &str, request: &Value) -> io::Result<Answer> {
    Connection::open(address)?.ask(key, request)
}

/// A connection on which one question follows the other.
pub(crate) struct Connection {
    host: String,
    reader: BufReader<TcpStream>,
}

impl Connection {
    pub(crate) fn open(address: &str) -> io::Result<Self> {
        let host = address.trim_start_matches("http://").to_owned();
        let stream = TcpStream::connect(&host)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self {
            host,
            reader: BufReader::new(stream),
        })
    }

    /// Asks for a chat completion. An answer that breaks off is an error.
    pub(crate) fn ask(&mut self, key: &str, request: &Value) -> io::Result<Answer> {
        let (host, body) = (&self.host, request.to_string());
        let question = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {key}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.reader.get_mut().write_all(question.as_bytes())?;
        let (first, headers) = head(&mut self.reader)?;
        let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
        let body = match header(&headers, "content-length") {
            Some(length) => exactly(&mut self.reader, length.parse().map_err(io::Error::other)?)?,
            None => chunks(&mut self.reader)?,
        };
        Ok(Answer {
            status: status.ok_or_else(|| io::Error::other(first))?,
            request_id: header(&headers, "x-request-id").unwrap_or_default().to_owned(),
            body: String::from_utf8(body).map_err(io::Error::other)?,
        })
    }
}

type Headers = Vec<(String, String)>;

fn line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 || !line.ends_with("\r\n") {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end().to_owned())
}

fn head(reader: &mut impl BufRead) -> io::Result<(String, Headers)> {
    let first = line(reader)?;
    let mut headers = Vec::new();
    loop {
        let line = line(reader)?;
        let Some((name, value)) = line.split_once(':') else {
            return Ok((first, headers));
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

fn header<'a>(headers: &'a Headers, name: &str) -> Option<&'a str> {
    let found = headers.iter().find(|(found, _)| found == name);
    found.map(|(_, value)| value.as_str())
}

fn exactly(reader: &mut impl Read, length: usize) -> io::Result<Vec<u8>> {
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(body)
}

fn chunks(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let length = usize::from_str_radix(&line(reader)?, 16).map_err(io::Error::other)?;
        body.extend(exactly(reader, length)?);
        line(reader)?;
        if length == 0 {
            return Ok(body);
        }
    }
}

/// A provider that speaks OpenAI's API and answers from a script.
pub(crate) struct ScriptedProvider {
    /// For `base_url`.
    pub(crate) base_url: String,
    /// The `Authorization` header of every request so far.
    pub(crate) credentials: Arc<Mutex<Vec<String>>>,
}

impl ScriptedProvider {
    /// Starts it on a free port; it stays as long as the test run.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
        let credentials = Arc::<Mutex<Vec<String>>>::default();
        let seen = Arc::clone(&credentials);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let seen = Arc::clone(&seen);
                thread::spawn(move || serve(stream, &seen));
            }
        });
        Self { base_url, credentials }
    }

    pub(crate) fn asked(&self) -> usize {
        self.credentials.lock().unwrap().len()
    }
}

fn serve(stream: TcpStream, seen: &Mutex<Vec<String>>) -> io::Result<()> {
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    let (first, headers) = head(&mut reader)?;
    let length = header(&headers, "content-length").and_then(|length| length.parse().ok());
    let request: Value = serde_json::from_slice(&exactly(&mut reader, length.unwrap_or(0))?)?;
    let credential = header(&headers, "authorization").unwrap_or_default();
    seen.lock().unwrap().push(credential.to_owned());
    let (status, body) = if first.starts_with("POST /v1/chat/completions ") {
        ("200 OK", completion(&request))
    } else {
        ("404 Not Found", json!({ "error": { "message": "no such path" } }))
    };
    let body = body.to_string();
    write!(
        writer,
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

fn completion(request: &Value) -> Value {
    let asked = request["messages"].as_array().and_then(|messages| messages.last());
    let asked = asked
        .and_then(|message| message["content"].as_str())
        .unwrap_or_default();
    json!({
        "id": "chatcmpl-scripted", "object": "chat.completion", "created": 1, "model": request["model"],
        "choices": [{
            "index": 0, "finish_reason": "stop",
            "message": { "role": "assistant", "content": format!("Certainly: {asked} It will be ready soon.") },
        }],
        "usage": { "prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18 },
    })
}
