//! How much of a body is kept: all of it, all of it with personal data replaced, or its digest alone.

use bytes::Bytes;
use cultivar_dialect::assemble;
use cultivar_privacy::Desensitiser;
use cultivar_record::{Digest, Retention, canonical_json};
use serde_json::{Map, Value};

/// A word from this length on, in bytes, is none that anybody wrote.
const LONG_WORD: usize = 256;

/// Below this length, in bytes, copying a body costs less than the memory that it holds.
const SMALL: usize = 64 << 10;

/// What is kept of a body, and the digest by which the record names it: of the bytes that are kept, where any are.
pub(crate) struct Kept {
    pub(crate) digest: Digest,
    pub(crate) body: Option<Bytes>,
}

/// What is kept of a body under a retention. Where personal data cannot be replaced for certain, nothing but the digest is.
pub(crate) fn keep(retention: Retention, desensitiser: &Desensitiser, body: &Bytes) -> Kept {
    let kept = match retention {
        Retention::Full => Some(alone(body)),
        Retention::Masked => masked(desensitiser, body),
        Retention::HashesOnly => None,
    };
    Kept {
        digest: Digest::of_bytes(kept.as_ref().unwrap_or(body)),
        body: kept,
    }
}

/// The bytes in memory of their own: a small body would keep all of the buffer that its connection reads into.
fn alone(body: &Bytes) -> Bytes {
    if body.len() < SMALL {
        Bytes::copy_from_slice(body)
    } else {
        body.clone()
    }
}

/// The body as canonical JSON with every text desensitised. A stream is put together first: personal data may be cut by it.
fn masked(desensitiser: &Desensitiser, body: &[u8]) -> Option<Bytes> {
    let mut value: Value = if assemble::is_stream(body) {
        serde_json::to_value(assemble::completion(body)?).ok()?
    } else {
        serde_json::from_slice(body).ok()?
    };
    mask(desensitiser, &mut value)?;
    Some(Bytes::from(canonical_json(&value).ok()?))
}

fn mask(desensitiser: &Desensitiser, value: &mut Value) -> Option<()> {
    match value {
        Value::String(text) if is_encoded(text) => *text = digest_of(text),
        Value::String(text) => *text = desensitiser.desensitise(text).ok()?.text,
        // Token ids are text to whoever has the tokenizer.
        Value::Array(values) if !values.is_empty() && values.iter().all(Value::is_u64) => {
            *value = Value::String(digest_of(&canonical_json(values).ok()?));
        }
        Value::Array(values) => values.iter_mut().try_for_each(|value| mask(desensitiser, value))?,
        Value::Object(fields) => mask_fields(desensitiser, fields)?,
        Value::Number(number) => {
            let text = number.to_string();
            let masked = desensitiser.desensitise(&text).ok()?.text;
            if masked != text {
                *value = Value::String(masked);
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
    Some(())
}

fn mask_fields(desensitiser: &Desensitiser, fields: &mut Map<String, Value>) -> Option<()> {
    let mut masked = Map::new();
    for (name, mut value) in std::mem::take(fields) {
        // Probabilities repeat the text token by token, and no detector sees an address in its pieces.
        if name == "logprobs" && !value.is_boolean() && !value.is_number() {
            value = Value::Null;
        }
        mask(desensitiser, &mut value)?;
        masked.insert(desensitiser.desensitise(&name).ok()?.text, value);
    }
    *fields = masked;
    Some(())
}

/// Whether a text is bytes in disguise (an image, a recording, a vector): nobody can say what is in them.
fn is_encoded(text: &str) -> bool {
    let is_of_base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=');
    text.starts_with("data:") || (text.len() >= LONG_WORD && text.bytes().all(is_of_base64))
}

fn digest_of(text: &str) -> String {
    Digest::of_bytes(text.as_bytes()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(retention: Retention, body: &str) -> Option<String> {
        let kept = keep(
            retention,
            &Desensitiser::new([1; 32]),
            &Bytes::copy_from_slice(body.as_bytes()),
        );
        kept.body.map(|body| {
            assert_eq!(Digest::of_bytes(&body), kept.digest);
            String::from_utf8(body.to_vec()).unwrap()
        })
    }

    #[test]
    fn each_retention_keeps_what_it_says() {
        let body = r#"{"messages":[{"content":"write to ann@example-mail.com","role":"user"}],"n":1}"#;
        assert_eq!(kept(Retention::Full, body).unwrap(), body);
        assert_eq!(kept(Retention::HashesOnly, body), None);
        let masked = kept(Retention::Masked, body).unwrap();
        assert!(!masked.contains("ann@") && masked.contains("write to "), "{masked}");
    }

    #[test]
    fn personal_data_that_a_stream_cuts_is_replaced_too() {
        let chunk = |text: &str| {
            format!(
                "data: {{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}},\"finish_reason\":null}}]}}\n\n"
            )
        };
        let stream = chunk("ann@exam") + &chunk("ple-mail.com");
        let masked = kept(Retention::Masked, &stream).unwrap();
        assert!(!masked.contains("ann@") && !masked.contains("ple-mail"), "{masked}");
        let reasoning = stream.replace("content", "reasoning_content");
        let masked = kept(Retention::Masked, &reasoning).unwrap();
        assert!(!masked.contains("ann@") && !masked.contains("ple-mail"), "{masked}");
        // What cannot be read is not kept.
        assert_eq!(kept(Retention::Masked, "data: <html>\n\n"), None);
        assert_eq!(kept(Retention::Masked, "ann@example-mail.com"), None);
    }

    #[test]
    fn personal_data_hides_in_no_name_number_token_or_encoding() {
        let image = "iVBORw0KGgo".repeat(40);
        let body = serde_json::json!({
            "metadata": { "ann@example-mail.com": 1, "card": 4_111_111_111_111_111_u64 },
            "messages": [{ "role": "user", "content": [
                { "type": "image_url", "image_url": { "url": format!("data:image/png;base64,{image}") } },
                { "type": "input_audio", "input_audio": { "data": image, "format": "wav" } },
            ] }],
            "prompt": [[64, 1_217, 13]],
            "choices": [{ "logprobs": { "content": [{ "token": "ann" }, { "token": "@" }, { "token": "example-mail" }] } }],
            "n": 1,
            "logprobs": true,
        });
        let masked = kept(Retention::Masked, &body.to_string()).unwrap();
        for hidden in ["ann", "4111111111111111", "iVBORw0KGgo", "1217", "example-mail"] {
            assert!(!masked.contains(hidden), "{hidden}: {masked}");
        }
        for told in [r#""n":1"#, r#""logprobs":true"#, r#""format":"wav""#] {
            assert!(masked.contains(told), "{told}: {masked}");
        }
    }
}
