//! Model names as providers bill them: `gpt-4o-mini` is asked, `gpt-4o-mini-2024-07-18` and `gpt-4o-mini-0718-Inp-glbl` are
//! billed.

/// Words of an Azure meter for what goes in.
const INPUT: [&str; 4] = ["inp", "inpt", "input", "in"];
/// Words of an Azure meter for what comes out.
const OUTPUT: [&str; 5] = ["outp", "outpt", "output", "out", "opt"];
/// Other words of an Azure meter that do not say which model: where it runs, and that a question was remembered. `batch` is
/// none of them: what is billed as a batch went through no gateway.
const ASIDE: [&str; 15] = [
    "cached", "cchd", "cache", "cd", "glbl", "global", "gl", "regional", "regnl", "reg", "dzone", "dz", "datazone",
    "tokens", "1m",
];

/// The name of a model without version and vendor: what is common to the ways in which one model is named. Versions of one
/// model are not told apart, since a report names the version and a request need not.
pub fn model_family(name: &str) -> String {
    let name = name
        .rsplit('/')
        .next()
        .unwrap_or(name)
        .to_ascii_lowercase()
        .replace('.', "");
    let mut words: Vec<&str> = name.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    words.retain(|word| !word.is_empty());
    drop_version(&mut words);
    words.join("-")
}

/// The family of the model that an Azure meter counts, and whether it counts answers; `None` where it counts no tokens. A
/// meter without a direction counts what goes in, as those of embeddings do.
pub(super) fn model_of_meter(meter: &str) -> Option<(String, bool)> {
    let lower = meter.to_ascii_lowercase();
    let words = || lower.split(|c: char| !c.is_ascii_alphanumeric() && c != '.');
    let has = |any: &[&str]| words().any(|word| any.contains(&word));
    let is_answer = has(&OUTPUT);
    if !has(&["tokens"]) || is_answer && has(&INPUT) {
        return None;
    }
    let says_model = |word: &&str| !INPUT.contains(word) && !OUTPUT.contains(word) && !ASIDE.contains(word);
    let model: Vec<&str> = words().filter(says_model).collect();
    Some((model_family(&model.join("-")), is_answer))
}

/// Takes `2024-07-18`, `20240718`, `0718` or `latest` off the end, but never the whole name.
fn drop_version(words: &mut Vec<&str>) {
    let digits = |word: &str, length: usize| word.len() == length && word.bytes().all(|b| b.is_ascii_digit());
    let drop = match words.as_slice() {
        [_, .., year, month, day] if digits(year, 4) && digits(month, 2) && digits(day, 2) => 3,
        [_, .., last] if digits(last, 8) || digits(last, 4) || *last == "latest" => 1,
        _ => 0,
    };
    words.truncate(words.len() - drop);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_one_model_have_one_family() {
        for (name, family) in [
            ("gpt-4o-mini", "gpt-4o-mini"),
            ("gpt-4o-mini-2024-07-18", "gpt-4o-mini"),
            ("openai/gpt-4o-mini", "gpt-4o-mini"),
            ("gpt-4-0613", "gpt-4"),
            ("gpt-4.1-mini-2025-04-14", "gpt-41-mini"),
            ("gpt-3.5-turbo", "gpt-35-turbo"),
            ("gpt-35-turbo", "gpt-35-turbo"),
            ("claude-sonnet-4-20250514", "claude-sonnet-4"),
            ("chatgpt-4o-latest", "chatgpt-4o"),
            ("o1", "o1"),
            ("2024", "2024"),
            ("", ""),
        ] {
            assert_eq!(model_family(name), family, "{name}");
        }
    }

    #[test]
    fn meters_say_model_and_direction() {
        for (meter, family, output) in [
            ("gpt-4o-mini-0718-Inp-glbl Tokens", "gpt-4o-mini", false),
            ("gpt-4o-mini-0718-Outp-glbl Tokens", "gpt-4o-mini", true),
            ("gpt 4o 0806 cached Inp glbl Tokens", "gpt-4o", false),
            ("gpt 4o 0513 Output global Tokens", "gpt-4o", true),
            ("gpt 4.1 mini Inp glbl Tokens", "gpt-41-mini", false),
            ("gpt-35-turbo-4k-Output-regional Tokens", "gpt-35-turbo-4k", true),
            ("text-embedding-3-small-glbl Tokens", "text-embedding-3-small", false),
            ("gpt-4o-0806-Batch-Inp-glbl Tokens", "gpt-4o-0806-batch", false),
        ] {
            assert_eq!(model_of_meter(meter), Some((family.to_owned(), output)), "{meter}");
        }
        for other in [
            "Standard Text Records",
            "S1 Speech To Text",
            "Standard vCPU",
            "In and Out Tokens",
        ] {
            assert_eq!(model_of_meter(other), None, "{other}");
        }
    }
}
