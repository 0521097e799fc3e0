//! A claim of an application about its user's market: signed, because a header alone could be invented by any client.
//!
//! `cultivar-claim: v1.<payload>.<signature>`, both base64url without padding. The payload is JSON: `{"market":"CN","exp":1795519028}`
//! with `exp` in seconds since 1970; the signature is Ed25519 over `cultivar-claim/v1` and a line feed and the payload's bytes, by
//! the key that was registered for the project. Sources: RFC 8032; the shape follows JWS (RFC 7515) without its choices.

use base64::{Engine as _, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD};
use cultivar_record::{Market, Timestamp};
use ed25519_dalek::{Signature, VerifyingKey};
use serde::Deserialize;

use crate::GatewayError;

/// What is signed before the payload, so that a signature for something else is none.
const CONTEXT: &[u8] = b"cultivar-claim/v1\n";
/// The longest time for which a claim may be made, in seconds: a day. A market can change.
const LONGEST_LIFE: i64 = 24 * 60 * 60;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    market: Market,
    exp: i64,
}

/// The market that a claim states, where its signature holds and its time is not over.
///
/// # Errors
/// `invalid_market_claim`.
pub(crate) fn market(claim: &str, key: Option<&str>, now: Timestamp) -> Result<Market, GatewayError> {
    let refuse = |reason| GatewayError::Claim { reason };
    let key = key.ok_or_else(|| refuse("no key is registered for the project of this API key"))?;
    let key = verifying_key(key).ok_or_else(|| refuse("the key registered for the project is damaged"))?;
    let malformed = || refuse("it is not `v1.<payload>.<signature>` in base64url");
    let (payload, signature) = claim
        .strip_prefix("v1.")
        .and_then(|rest| rest.split_once('.'))
        .ok_or_else(malformed)?;
    let payload = URL_SAFE_NO_PAD.decode(payload).map_err(|_| malformed())?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| malformed())?;
    let signature = Signature::from_slice(&signature).map_err(|_| malformed())?;
    let signed = [CONTEXT, &payload].concat();
    key.verify_strict(&signed, &signature)
        .map_err(|_| refuse("its signature does not hold"))?;
    let payload: Payload =
        serde_json::from_slice(&payload).map_err(|_| refuse("its payload is not `{\"market\",\"exp\"}`"))?;
    if payload.exp <= now.seconds() {
        return Err(refuse("its time is over"));
    }
    if payload.exp > now.seconds() + LONGEST_LIFE {
        return Err(refuse("it is made for longer than a day"));
    }
    Ok(payload.market)
}

/// The public key in a text of base64, where it is one.
pub(crate) fn verifying_key(text: &str) -> Option<VerifyingKey> {
    let bytes = STANDARD.decode(text.trim()).ok()?;
    VerifyingKey::from_bytes(&bytes.try_into().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signer, SigningKey};

    use super::*;

    fn claim(signer: &SigningKey, payload: &str) -> String {
        let signature = signer.sign(&[CONTEXT, payload.as_bytes()].concat());
        format!(
            "v1.{}.{}",
            URL_SAFE_NO_PAD.encode(payload),
            URL_SAFE_NO_PAD.encode(signature.to_bytes())
        )
    }

    #[test]
    fn only_what_the_registered_key_signed_in_time_is_believed() {
        let signer = SigningKey::from_bytes(&[7; 32]);
        let registered = STANDARD.encode(signer.verifying_key().as_bytes());
        let now = Timestamp::from_micros(1_000_000_000);
        let ask = |claim: &str, key: Option<&str>| market(claim, key, now).map_err(|e| e.to_string());
        let good = claim(&signer, r#"{"market":"CN","exp":1060}"#);
        assert_eq!(ask(&good, Some(&registered)).unwrap().as_str(), "CN");
        for (bad, reason) in [
            (
                claim(&SigningKey::from_bytes(&[8; 32]), r#"{"market":"CN","exp":1060}"#),
                "signature",
            ),
            (claim(&signer, r#"{"market":"CN","exp":1000}"#), "time is over"),
            (
                claim(&signer, r#"{"market":"CN","exp":100000000}"#),
                "longer than a day",
            ),
            (claim(&signer, r#"{"market":"cn","exp":1060}"#), "payload"),
            (good.replace("v1.", "v2."), "base64url"),
            ("CN".to_owned(), "base64url"),
        ] {
            let told = ask(&bad, Some(&registered)).unwrap_err();
            assert!(told.contains(reason), "{told}");
        }
        assert!(ask(&good, None).unwrap_err().contains("no key is registered"));
    }
}
