//! `gemini`: Google's models through its OpenAI-compatible endpoint. Requests and answers pass unchanged; known here are its address,
//! what it does not take, and how to read which parameter it refused.
//!
//! Where it differs and nothing is done about it: which words of `reasoning_effort` are taken depends on the model; `finish_reason` may be
//! `stop` where tools are called; calls of tools come whole, in one chunk of a stream; what only this provider knows stands in
//! `extra_body.google`.
//!
//! Source: Gemini API, "OpenAI compatibility"; `google.rpc.Status` for errors, which come as an array of one
//! ([`Refusal`] reads them).

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::value::RawValue;

use super::refusal::Refusal;

/// Where the endpoint is. The key goes into `Authorization: Bearer`, as with OpenAI.
pub const BASE_URL: &str = "https://generativelanguage.googleapis.com/v1beta/openai";

/// Parameters that the endpoint was seen to refuse with `Unknown name …: Cannot find field` (2025). It adds to what it takes from time
/// to time: this list is advice for operators, and the provider's answer decides.
pub const REFUSED: [&str; 5] = ["frequency_penalty", "metadata", "seed", "store", "web_search_options"];

/// The first parameter of a request that the endpoint is known to refuse. One that is `null` is refused as well: the name is what it
/// does not know.
pub fn refused_parameter(body: &[u8]) -> Option<&'static str> {
    let given: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_slice(body).ok()?;
    REFUSED.into_iter().find(|name| given.contains_key(*name))
}

/// Reads a refusal. The parameter stands in the message only, in quotes after `Unknown name`; where a message begins otherwise it may
/// quote the prompt, and nothing is read out of it.
pub fn refusal(status: u16, body: &[u8]) -> Refusal {
    let mut refusal = Refusal::read(status, body);
    if refusal.param.is_none() {
        refusal.param = unknown_name(&refusal.message).map(str::to_owned);
    }
    refusal
}

fn unknown_name(message: &str) -> Option<&str> {
    let rest = message.strip_prefix("Invalid JSON payload received. Unknown name \"")?;
    rest.split_once('"').map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sign;

    const UNKNOWN_NAME: &str = r#"[{"error":{"code":400,"message":"Invalid JSON payload received. Unknown name \"seed\": Cannot find field.",
        "status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[
        {"description":"Invalid JSON payload received. Unknown name \"seed\": Cannot find field."}]}]}}]"#;

    #[test]
    fn the_refused_parameter_is_read_out_of_the_message() {
        let refusal = refusal(400, UNKNOWN_NAME.as_bytes());
        assert_eq!(refusal.param.as_deref(), Some("seed"));
        assert_eq!(refusal.kind, "INVALID_ARGUMENT");
        assert_eq!(Sign::read(&refusal), Sign::Invalid);
        let quoted = UNKNOWN_NAME.replace("Invalid JSON payload received. ", "");
        assert_eq!(super::refusal(400, quoted.as_bytes()).param, None);
    }

    #[test]
    fn the_wait_is_read_out_of_the_details() {
        let body = r#"[{"error":{"code":429,"message":"You exceeded your current quota.","status":"RESOURCE_EXHAUSTED","details":[
            {"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34s"}]}}]"#;
        let sign = Sign::read(&refusal(429, body.as_bytes()));
        assert_eq!(
            sign,
            Sign::RateLimited {
                retry_after_ms: Some(34_000)
            }
        );
    }

    #[test]
    fn a_parameter_that_is_refused_is_known_beforehand() {
        assert_eq!(
            refused_parameter(br#"{"model":"m","messages":[{"seed":1}],"temperature":0}"#),
            None
        );
        assert_eq!(
            refused_parameter(br#"{"model":"m","store":null,"seed":7}"#),
            Some("seed")
        );
        assert_eq!(refused_parameter(b"no body"), None);
        assert!(BASE_URL.ends_with("/openai"));
    }
}
