//! What is wrong with a JSON text, said without quoting it.

/// What is wrong with a JSON text, without the value that was found: it may be text of a person.
pub fn without_values(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let is_about_a_field = text.starts_with("missing field") || text.starts_with("duplicate field");
    if !error.is_data() || is_about_a_field {
        return text;
    }
    let expected = text.rsplit_once(", expected ").map(|(_, expected)| expected);
    expected.map_or_else(
        || "a value is not of its kind".to_owned(),
        |expected| format!("a value is wrong, expected {expected}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::ChatRequest;

    #[test]
    fn what_is_wrong_is_said_without_the_words_of_a_person() {
        let told = |text: &str| without_values(&serde_json::from_str::<ChatRequest>(text).unwrap_err());
        assert_eq!(told("{"), "EOF while parsing an object at line 1 column 1");
        assert_eq!(told(r#"{"model":"m"}"#), "missing field `messages` at line 1 column 13");
        for text in [
            r#"{"model":"m","messages":"secret, expected nothing"}"#,
            r#"{"model":"m","messages":[{"role":"secret","content":"x"}]}"#,
            r#"{"model":"m","messages":[{"role":"user","content":{"secret":1}}]}"#,
            r#"{"model":["secret"],"messages":[]}"#,
        ] {
            assert!(!told(text).contains("secret"), "{}", told(text));
            assert!(told(text).starts_with("a value"), "{}", told(text));
        }
    }
}
