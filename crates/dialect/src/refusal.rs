//! What a provider says when it does not answer, read out of whatever shape it says it in. What it means is read in
//! [`super::signs`].
//!
//! The shapes: OpenAI's `{"error":{"message","type","code"}}`; Azure's, the same with an `innererror`; Anthropic's
//! `{"type":"error","error":{"type","message"}}`; Google's, in an array or not, with a numeric `code`, a `status` and `details`;
//! `OpenRouter`'s numeric `code` with `metadata`; and servers that write `{"message","type","code"}` or `{"detail"}` without more.

use serde_json::Value;

/// Most characters of a message that are kept: providers send pages of HTML, and quote whole prompts.
const MOST_MESSAGE_CHARS: usize = 1000;

/// A refusal of a provider. The message may quote the prompt: it is shown to whoever asked, and is in no log and no record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status. Of an error within a stream: the one that it would have had.
    pub status: u16,
    /// `type`, or Google's `status`.
    pub kind: String,
    /// `code`, where it is a word.
    pub code: String,
    /// The code of Azure's `innererror`, or the reason among Google's `details`.
    pub inner_code: String,
    /// Which parameter, where the provider says it.
    pub param: Option<String>,
    /// In the provider's words.
    pub message: String,
    /// What the body says of how long to wait, in milliseconds.
    pub retry_after_ms: Option<u64>,
}

impl Refusal {
    /// Reads an answer with an HTTP status that is none of success.
    pub fn read(status: u16, body: &[u8]) -> Self {
        let Some(fields) = fields(body) else {
            let message = String::from_utf8_lossy(body.get(..4 * MOST_MESSAGE_CHARS).unwrap_or(body));
            return Self {
                status,
                message: shortened(&message),
                ..Self::default()
            };
        };
        Self::of(status, &fields)
    }

    /// Reads an error within a stream, or a body of status 200 that holds one. `None` where the data is no object.
    pub fn in_stream(data: &[u8]) -> Option<Self> {
        let fields = fields(data)?;
        let number = fields.get("code").and_then(Value::as_u64);
        let number = number.and_then(|code| u16::try_from(code).ok());
        let mut refusal = Self::of(0, &fields);
        refusal.status = number
            .filter(|status| (400..600).contains(status))
            .unwrap_or_else(|| would_be_status(&refusal));
        Some(refusal)
    }

    fn of(status: u16, fields: &Value) -> Self {
        let word = |name: &str| word(fields, name).unwrap_or_default();
        let kind = word("type");
        let message = word("message");
        let message = if message.is_empty() { word("detail") } else { message };
        Self {
            status,
            kind: if kind.is_empty() { word("status") } else { kind },
            code: word("code"),
            inner_code: inner_code(fields),
            param: Some(word("param")).filter(|param| !param.is_empty()),
            message: shortened(&message),
            retry_after_ms: details(fields, "retryDelay").and_then(|delay| milliseconds(delay.strip_suffix('s')?)),
        }
    }

    /// Takes over what the headers say of how long to wait: `retry-after-ms`, and `retry-after` in seconds. A date in `retry-after`
    /// is passed over, since nothing here reads a clock.
    #[must_use]
    pub fn with_headers(mut self, retry_after_ms: Option<&str>, retry_after: Option<&str>) -> Self {
        let exact = retry_after_ms.and_then(|text| milliseconds(text).map(|ms| ms / 1000));
        let seconds = retry_after.and_then(milliseconds);
        self.retry_after_ms = exact.or(seconds).or(self.retry_after_ms);
        self
    }
}

/// Our own word for what `OpenRouter` tells by naming the reasons: the input was flagged.
pub(super) const FLAGGED: &str = "flagged_input";

/// The object with the words: under `error`, in an array or not, or the body itself.
fn fields(body: &[u8]) -> Option<Value> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let first = if let Value::Array(array) = body {
        array.into_iter().next()?
    } else {
        body
    };
    let Value::Object(mut object) = first else { return None };
    match object.remove("error") {
        Some(error @ Value::Object(_)) => Some(error),
        Some(Value::String(message)) => Some(Value::Object(
            [("message".to_owned(), message.into())].into_iter().collect(),
        )),
        _ => Some(Value::Object(object)),
    }
}

/// The code of Azure's `innererror`, the reason among Google's `details`, or that `OpenRouter` flagged the input.
fn inner_code(fields: &Value) -> String {
    let azure = fields.get("innererror").and_then(|inner| word(inner, "code"));
    let reason = azure.or_else(|| details(fields, "reason"));
    let metadata = fields.get("metadata");
    let is_flagged = metadata.is_some_and(|metadata| metadata.get("reasons").or(metadata.get(FLAGGED)).is_some());
    reason
        .or_else(|| is_flagged.then(|| FLAGGED.to_owned()))
        .unwrap_or_default()
}

/// A word among Google's details. Source: `google.rpc.ErrorInfo`, `google.rpc.RetryInfo`.
fn details(fields: &Value, name: &str) -> Option<String> {
    let details = fields.get("details")?.as_array()?;
    details.iter().find_map(|detail| word(detail, name))
}

fn word(fields: &Value, name: &str) -> Option<String> {
    fields.get(name)?.as_str().map(str::to_owned)
}

/// Seconds as milliseconds.
fn milliseconds(seconds: &str) -> Option<u64> {
    let seconds: f64 = seconds.trim().parse().ok()?;
    let duration = std::time::Duration::try_from_secs_f64(seconds).ok()?;
    u64::try_from(duration.as_millis()).ok()
}

fn shortened(message: &str) -> String {
    message.chars().take(MOST_MESSAGE_CHARS).collect()
}

/// The status that an error within a stream would have had as an answer: there it has none.
fn would_be_status(refusal: &Refusal) -> u16 {
    let word = if refusal.code.is_empty() {
        &refusal.kind
    } else {
        &refusal.code
    };
    match word.as_str() {
        "invalid_request_error" | "invalid_prompt" | "content_filter" | "INVALID_ARGUMENT" => 400,
        "authentication_error" | "invalid_api_key" | "account_deactivated" => 401,
        "billing_error" => 402,
        "permission_error" | "PERMISSION_DENIED" => 403,
        "not_found_error" | "model_not_found" => 404,
        "rate_limit_error" | "rate_limit_exceeded" | "insufficient_quota" | "RESOURCE_EXHAUSTED" => 429,
        "overloaded_error" => 529,
        _ => 500,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(body: &str) -> Refusal {
        Refusal::read(400, body.as_bytes())
    }

    #[test]
    fn every_shape_is_read() {
        let openai =
            read(r#"{"error":{"message":"M","type":"invalid_request_error","param":"n","code":"invalid_value"}}"#);
        assert_eq!(
            (&*openai.kind, &*openai.code, &*openai.message),
            ("invalid_request_error", "invalid_value", "M")
        );
        assert_eq!(openai.param.as_deref(), Some("n"));
        let anthropic =
            read(r#"{"type":"error","error":{"type":"overloaded_error","message":"M"},"request_id":"req"}"#);
        assert_eq!(
            (&*anthropic.kind, &*anthropic.code, &*anthropic.message),
            ("overloaded_error", "", "M")
        );
        let azure =
            read(r#"{"error":{"message":"M","type":null,"code":"content_filter","innererror":{"code":"Inner"}}}"#);
        assert_eq!((&*azure.code, &*azure.inner_code), ("content_filter", "Inner"));
        let google = r#"{"error":{"code":429,"message":"M","status":"RESOURCE_EXHAUSTED","details":[
            {"@type":"x"},{"reason":"R"},{"retryDelay":"34.074s"}]}}"#;
        for body in [google.to_owned(), format!("\n[{google}]\n")] {
            let google = read(&body);
            assert_eq!(
                (&*google.kind, &*google.code, &*google.inner_code),
                ("RESOURCE_EXHAUSTED", "", "R")
            );
            assert_eq!(google.retry_after_ms, Some(34_074));
        }
        let flagged = read(r#"{"error":{"code":403,"message":"M","metadata":{"reasons":["x"],"flagged_input":"y"}}}"#);
        assert_eq!(flagged.inner_code, FLAGGED);
        assert_eq!(
            read(r#"{"object":"error","message":"M","type":"T","code":3}"#).message,
            "M"
        );
        assert_eq!(read(r#"{"detail":"M"}"#).message, "M");
        assert_eq!(read(r#"{"error":"M"}"#).message, "M");
        let null = read(r#"{"type":"error","error":{"details":null,"type":"invalid_request_error","message":"M"}}"#);
        assert_eq!((&*null.kind, &*null.message), ("invalid_request_error", "M"));
        assert_eq!(read("<html>M</html>").message, "<html>M</html>");
    }

    #[test]
    fn how_long_to_wait_is_read_from_headers_first() {
        let waits = |ms, seconds| Refusal::default().with_headers(ms, seconds).retry_after_ms;
        assert_eq!(waits(Some("1500"), Some("9")), Some(1500));
        assert_eq!(waits(None, Some("2.5")), Some(2500));
        assert_eq!(waits(None, Some("Wed, 21 Oct 2026 07:28:00 GMT")), None);
        assert_eq!(waits(Some("-1"), Some("NaN")), None);
        let body = Refusal {
            retry_after_ms: Some(7),
            ..Refusal::default()
        };
        assert_eq!(body.clone().with_headers(None, None).retry_after_ms, Some(7));
        assert_eq!(body.with_headers(None, Some("1")).retry_after_ms, Some(1000));
    }

    #[test]
    fn an_error_within_a_stream_has_the_status_that_it_would_have_had() {
        for (data, status) in [
            (
                r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
                529,
            ),
            (
                r#"{"error":{"message":"M","type":"server_error","code":"rate_limit_exceeded"}}"#,
                429,
            ),
            (r#"{"error":{"message":"M","code":502,"metadata":{}}}"#, 502),
            (r#"{"error":{"message":"M","code":7}}"#, 500),
        ] {
            assert_eq!(Refusal::in_stream(data.as_bytes()).unwrap().status, status, "{data}");
        }
        assert_eq!(Refusal::in_stream(b"data"), None);
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read(body in any::<Vec<u8>>(), message in ".{0,2000}") {
            let read = Refusal::read(500, &body);
            prop_assert_eq!(read.status, 500);
            let told = serde_json::json!({"error": {"message": message}}).to_string();
            let kept = Refusal::read(400, told.as_bytes()).message;
            prop_assert!(message.starts_with(&kept) && kept.chars().count() <= MOST_MESSAGE_CHARS);
        }
    }
}
