//! Tells code from comments and literals, as far as counting braces and names needs it. Source: The Rust Reference, "Tokens".

/// A string literal.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Literal {
    /// Where its token begins, in bytes.
    pub(crate) offset: usize,
    /// The token as written, quotes and prefix included.
    pub(crate) text: String,
}

enum Token {
    Code,
    Comment,
    String,
    Character,
}

/// The text with comments, strings and characters blanked by spaces, byte for byte and line for line; and its strings.
pub(super) fn blank(text: &str) -> (String, Vec<Literal>) {
    let mut code = String::with_capacity(text.len());
    let mut literals = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (kind, length) = next(rest);
        let (token, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        if let Token::String = kind {
            literals.push(Literal {
                offset: code.len(),
                text: token.to_owned(),
            });
        }
        match kind {
            Token::Code => code.push_str(token),
            Token::Comment | Token::String | Token::Character => {
                code.extend(token.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
            }
        }
        rest = after;
    }
    (code, literals)
}

/// The kind and the length in bytes of the token at the beginning.
fn next(rest: &str) -> (Token, usize) {
    if rest.starts_with("//") {
        (Token::Comment, rest.find('\n').unwrap_or(rest.len()))
    } else if rest.starts_with("/*") {
        (Token::Comment, block_comment(rest))
    } else if let Some(length) = string(rest) {
        (Token::String, length)
    } else if let Some(length) = character(rest) {
        (Token::Character, length)
    } else {
        (Token::Code, word(rest))
    }
}

/// The length of a comment whose like may lie within it.
fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(tail) = rest.get(at..).filter(|tail| !tail.is_empty()) {
        if tail.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if tail.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                break;
            }
        } else {
            at += tail.chars().next().map_or(1, char::len_utf8);
        }
    }
    at
}

/// The length of `"…"`, `b"…"`, `c"…"` or any of them raw, where one begins here.
fn string(rest: &str) -> Option<usize> {
    let unprefixed = rest.strip_prefix(['b', 'c']).unwrap_or(rest);
    let (body, end) = if let Some(raw) = unprefixed.strip_prefix('r') {
        let body = raw.trim_start_matches('#');
        let hashes = raw.len() - body.len();
        let body = body.strip_prefix('"')?;
        let close = format!("\"{}", "#".repeat(hashes));
        (body, body.find(&close).map(|at| at + close.len()))
    } else {
        let body = unprefixed.strip_prefix('"')?;
        (body, closing(body, '"'))
    };
    Some(rest.len() - body.len() + end.unwrap_or(body.len()))
}

/// The length of `'x'`, where this is no lifetime.
fn character(rest: &str) -> Option<usize> {
    let body = rest.strip_prefix('\'')?;
    let escaped = body.starts_with('\\');
    let single = body.chars().nth(1) == Some('\'');
    if escaped || single {
        closing(body, '\'').map(|length| length + 1)
    } else {
        None
    }
}

/// The bytes up to and with the closing quote; a backslash hides the character after it.
fn closing(body: &str, quote: char) -> Option<usize> {
    let mut hidden = false;
    for (at, letter) in body.char_indices() {
        match letter {
            _ if hidden => hidden = false,
            '\\' => hidden = true,
            _ if letter == quote => return Some(at + quote.len_utf8()),
            _ => {}
        }
    }
    None
}

/// The length of a whole identifier or number, else of one character: prefixes of strings are looked for at word starts only.
fn word(rest: &str) -> usize {
    let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
    match end {
        Some(0) => rest.chars().next().map_or(1, char::len_utf8),
        Some(length) => length,
        None => rest.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(text: &str) -> Vec<String> {
        blank(text).1.into_iter().map(|literal| literal.text).collect()
    }

    #[test]
    fn blanks_comments_strings_and_characters_at_the_same_offsets() {
        let text = "a /* { /* { */ é */ b // {\nc('{', b'\\'', \"{\\\"{\", r#\"{\"{\"#) 'x: loop {}";
        let (code, _) = blank(text);
        assert_eq!(code.len(), text.len());
        assert_eq!(code.matches('{').count(), 1, "{code}");
        assert_eq!(code.lines().count(), text.lines().count());
        assert_eq!(code.find("loop"), text.find("loop"));
    }

    #[test]
    fn keeps_strings_as_written() {
        let text = r##"f("one", b"two", r"\", br#"th"ree"#, c"four", r#type, bar"five")"##;
        let expected = [
            r#""one""#,
            r#"b"two""#,
            r#"r"\""#,
            r##"br#"th"ree"#"##,
            r#"c"four""#,
            r#""five""#,
        ];
        assert_eq!(strings(text), expected);
    }

    #[test]
    fn tells_lifetimes_from_characters() {
        assert_eq!(
            blank("fn f<'a>(x: &'a str) -> &'a str { 'a' }").0.matches('\'').count(),
            3
        );
        assert_eq!(blank("'\\u{7b}' '{' '\\'' '\\\\'").0.trim(), "");
    }

    #[test]
    fn survives_what_is_cut_off() {
        for text in ["\"open", "r#\"open", "/* open", "'", "'\\", "b", "r#", "é"] {
            assert_eq!(blank(text).0.len(), text.len(), "{text}");
        }
    }
}
