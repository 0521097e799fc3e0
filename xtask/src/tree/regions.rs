//! Finds functions, test items and module folders in blanked code by counting braces.

use std::ops::Range;

/// A function with a body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: String,
    /// Where `fn` stands, in bytes.
    pub(crate) offset: usize,
    /// Lines from `fn` to the closing brace, both counted.
    pub(crate) lines: usize,
}

/// The ranges of items under `#[cfg(test)]`, attribute included.
pub(super) fn test_items(code: &str) -> Vec<Range<usize>> {
    let starts = code.match_indices("#[cfg(test)]");
    starts
        .map(|(start, attribute)| start..item_end(code, start + attribute.len()))
        .collect()
}

/// The module that an item `#[cfg(test)] mod NAME;` declares.
pub(super) fn declared_module(item: &str) -> Option<&str> {
    let (head, name) = item.strip_suffix(';')?.rsplit_once("mod ")?;
    (!head.contains('{')).then(|| name.trim())
}

/// The folder where the modules declared in this file lie.
pub(super) fn module_folder(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some((folder, "lib.rs" | "main.rs" | "mod.rs")) => folder,
        _ => path.strip_suffix(".rs").unwrap_or(path),
    }
}

/// Every function with a body, nested ones too.
pub(super) fn functions(code: &str) -> Vec<Function> {
    let keywords = code.match_indices("fn ").filter(|(at, _)| starts_word(code, *at));
    keywords
        .filter_map(|(at, keyword)| function(code, at, at + keyword.len()))
        .collect()
}

fn function(code: &str, offset: usize, after: usize) -> Option<Function> {
    let signature = code.get(after..)?;
    let name: String = signature
        .chars()
        .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
        .collect();
    let end = item_end(code, after);
    let body = code.get(offset..end)?;
    (!name.is_empty() && body.ends_with('}')).then(|| Function {
        name,
        offset,
        lines: body.matches('\n').count() + 1,
    })
}

/// The end of the item that goes on at an offset: after its `;`, or after the brace that closes its body.
fn item_end(code: &str, from: usize) -> usize {
    let (mut braces, mut nested) = (0_usize, 0_usize);
    for (at, letter) in code.char_indices().skip_while(|(at, _)| *at < from) {
        match letter {
            '{' => braces += 1,
            '}' => {
                braces = braces.saturating_sub(1);
                if braces == 0 && nested == 0 {
                    return at + 1;
                }
            }
            '(' | '[' => nested += 1,
            ')' | ']' => nested = nested.saturating_sub(1),
            ';' if braces == 0 && nested == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

fn starts_word(code: &str, at: usize) -> bool {
    let before = code.get(..at).and_then(|text| text.chars().next_back());
    !before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_functions_from_fn_to_the_closing_brace() {
        let code = "trait T { fn declared(x: [u8; 3]); }\nfn one() {}\nasync fn three<T>(\n) -> [u8; 2] { if a { b } else { c }\n}\ntype F = fn (u8);";
        let found: Vec<_> = functions(code).into_iter().map(|f| (f.name, f.lines)).collect();
        assert_eq!(found, [("one".to_owned(), 1), ("three".to_owned(), 3)]);
    }

    #[test]
    fn finds_the_items_under_cfg_test() {
        let code = "fn a() {}\n#[cfg(test)]\nmod tests { fn b() {} }\nfn c() {}\n#[cfg(test)]\nmod more;\n";
        let items: Vec<_> = test_items(code).into_iter().map(|range| &code[range]).collect();
        assert_eq!(
            items,
            ["#[cfg(test)]\nmod tests { fn b() {} }", "#[cfg(test)]\nmod more;"]
        );
        assert_eq!(declared_module(items[1]), Some("more"));
        assert_eq!(declared_module(items[0]), None);
    }

    #[test]
    fn knows_where_submodules_lie() {
        assert_eq!(module_folder("crates/a/src/lib.rs"), "crates/a/src");
        assert_eq!(module_folder("crates/a/src/door.rs"), "crates/a/src/door");
    }
}
