//! Redactions for snapshots: ids, times, digests, ports become placeholders, so that what remains is what matters.

/// Replaces UUIDs, RFC 3339 times, `sha256:` digests and loopback ports by `[id]`, `[time]`, `[digest]`, `[port]`.
pub fn redact(text: &str) -> String {
    let mut redacted = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (placeholder, length) = match_at(rest, redacted.chars().last()).unwrap_or(("", 0));
        if length == 0 {
            redacted.push(first);
            rest = rest.get(first.len_utf8()..).unwrap_or("");
        } else {
            redacted.push_str(placeholder);
            rest = rest.get(length..).unwrap_or("");
        }
    }
    redacted
}

fn match_at(text: &str, before: Option<char>) -> Option<(&'static str, usize)> {
    if before.is_some_and(char::is_alphanumeric) {
        return None;
    }
    let shapes = [
        (
            "[digest]",
            "sha256:################################################################",
        ),
        ("[id]", "########-####-####-####-############"),
        ("[key]", "+++++++++++++++++++++++++++++++++++++++++++="),
        ("[time]", "9999-99-99T99:99:99.999999Z"),
        ("127.0.0.1:[port]", "127.0.0.1:99999"),
        ("127.0.0.1:[port]", "127.0.0.1:9999"),
    ];
    shapes
        .into_iter()
        .find(|(_, shape)| has_shape(text, shape))
        .map(|(name, shape)| (name, shape.len()))
}

/// `#` stands for a hexadecimal digit, `+` for one of base64, `9` for a decimal one, everything else for itself.
fn has_shape(text: &str, shape: &str) -> bool {
    text.len() >= shape.len()
        && text.bytes().zip(shape.bytes()).all(|(found, wanted)| match wanted {
            b'#' => found.is_ascii_hexdigit(),
            b'+' => found.is_ascii_alphanumeric() || b"+/".contains(&found),
            b'9' => found.is_ascii_digit(),
            _ => found == wanted,
        })
}

#[cfg(test)]
mod tests {
    use super::redact;

    #[test]
    fn what_changes_from_run_to_run_is_hidden() {
        let text =
            "run 0197a3c2-6f10-7c3e-9d2a-5b1e7f60c811 at 2026-11-24T11:17:08.000123Z on http://127.0.0.1:40123/v1 – ok";
        assert_eq!(redact(text), "run [id] at [time] on http://127.0.0.1:[port]/v1 – ok");
    }
}
