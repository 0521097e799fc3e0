//! How much of a body is kept: all of it, all of it with personal data replaced, or its digest alone.

use bytes::Bytes;
use cultivar_privacy::Desensitiser;
use cultivar_record::{Digest, Retention, canonical_json};
use serde_json::Value;

use crate::assemble;

/// What is kept of a body, and the digest by which the record names it: of the bytes that are kept, where any are.
pub(crate) struct Kept {
    pub(crate) digest: Digest,
    pub(crate) body: Option<Bytes>,
}

/// What is kept of a body under a retention. Where personal data cannot be replaced for certain, nothing but the digest is.
pub(crate) fn keep(retention: Retention, desensitiser: &Desensitiser, body: &Bytes) -> Kept {
    let kept = match retention {
        Retention::Full => Some(body.clone()),
        Retention::Masked => masked(desensitiser, body),
        Retention::HashesOnly => None,
    };
    Kept {
        digest: Digest::of_bytes(kept.as_ref().unwrap_or(body)),
        body: kept,
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
        Value::String(text) => *text = desensitiser.desensitise(text).ok()?.text,
        Value::Array(values) => values.iter_mut().try_for_each(|value| mask(desensitiser, value))?,
        Value::Object(fields) => fields.values_mut().try_for_each(|value| mask(desensitiser, value))?,
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    Some(())
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
        // What cannot be read is not kept.
        assert_eq!(kept(Retention::Masked, "data: <html>\n\n"), None);
        assert_eq!(kept(Retention::Masked, "ann@example-mail.com"), None);
    }
}
