//! A strict reader of Prometheus' text format: what it lets pass, Prometheus does. Source: Prometheus documentation, "Exposition
//! formats", and `OpenMetrics` 1.0 for what both have in common.

use std::collections::{BTreeMap, BTreeSet};

/// One number with its name and labels.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: f64,
}

/// Reads a text. `total` is what the names of families of counters end in: nothing in `OpenMetrics`.
pub(crate) fn read(text: &str, total: &str) -> Result<Vec<Sample>, String> {
    assert!(text.ends_with('\n'), "the last line ends");
    let mut kinds: BTreeMap<String, String> = BTreeMap::new();
    let mut samples = Vec::new();
    let mut family = String::new();
    let mut seen = BTreeSet::new();
    for line in text.lines() {
        let fail = |why: &str| Err(format!("{why}: {line}"));
        if let Some(rest) = line.strip_prefix("# ") {
            let mut words = rest.splitn(3, ' ');
            let (Some(what), Some(name), Some(rest)) = (words.next(), words.next(), words.next()) else {
                return fail("a comment says something");
            };
            match what {
                "HELP" if kinds.contains_key(name) => return fail("a family comes once"),
                "HELP" => name.clone_into(&mut family),
                "TYPE" if name != family || kinds.insert(name.to_owned(), rest.to_owned()).is_some() => {
                    return fail("a type follows its help, once");
                }
                "TYPE" => {}
                "UNIT" if name.ends_with(rest) => {}
                _ => return fail("a comment is help, type or unit"),
            }
            continue;
        }
        let sample = sample(line)?;
        let kind = kinds.get(&family).ok_or(line)?;
        let ends: Vec<String> = match kind.as_str() {
            "counter" if total.is_empty() => vec!["_total".to_owned()],
            "counter" if family.ends_with(total) => vec![String::new()],
            "gauge" => vec![String::new()],
            "info" => vec!["_info".to_owned()],
            "histogram" => ["_bucket", "_sum", "_count"].map(str::to_owned).to_vec(),
            _ => return fail("a kind is known"),
        };
        if !ends.iter().any(|end| sample.name == format!("{family}{end}")) {
            return fail("a sample belongs to the family above it");
        }
        if !seen.insert((sample.name.clone(), sample.labels.clone())) {
            return fail("a sample comes once");
        }
        samples.push(sample);
    }
    for (name, _) in kinds.iter().filter(|(_, kind)| *kind == "histogram") {
        check_histogram(name, &samples)?;
    }
    Ok(samples)
}

fn sample(line: &str) -> Result<Sample, String> {
    let end = line.find(['{', ' ']).ok_or(line)?;
    let (name, mut rest) = line.split_at(end);
    check_name(name, ":")?;
    let mut labels = BTreeMap::new();
    if let Some(mut inner) = rest.strip_prefix('{') {
        loop {
            let (label, after) = inner.split_once("=\"").ok_or(line)?;
            check_name(label, "")?;
            let (value, after) = quoted(after).ok_or(line)?;
            if labels.insert(label.to_owned(), value).is_some() {
                return Err(format!("a label comes once: {line}"));
            }
            match after.split_at(1) {
                (",", after) => inner = after,
                ("}", after) => {
                    rest = after;
                    break;
                }
                _ => return Err(format!("labels are parted by commas: {line}")),
            }
        }
    }
    let value = rest.strip_prefix(' ').ok_or(line)?;
    Ok(Sample {
        name: name.to_owned(),
        labels,
        value: value.parse().map_err(|error| format!("{error}: {line}"))?,
    })
}

fn check_name(name: &str, more: &str) -> Result<(), String> {
    let is_letter = |letter: char| letter.is_ascii_alphabetic() || letter == '_' || more.contains(letter);
    let is_name =
        name.starts_with(is_letter) && name.chars().all(|letter| is_letter(letter) || letter.is_ascii_digit());
    if is_name {
        Ok(())
    } else {
        Err(format!("`{name}` is no name"))
    }
}

/// A quoted value from after its first quote on, and what follows its last.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match letters.next()?.1 {
                'n' => value.push('\n'),
                escaped @ ('\\' | '"') => value.push(escaped),
                _ => return None,
            },
            letter => value.push(letter),
        }
    }
    None
}

/// Buckets grow with their bounds, and the last holds all.
fn check_histogram(name: &str, samples: &[Sample]) -> Result<(), String> {
    let mut groups: BTreeMap<BTreeMap<String, String>, Vec<(f64, f64)>> = BTreeMap::new();
    for sample in samples.iter().filter(|sample| sample.name == format!("{name}_bucket")) {
        let mut labels = sample.labels.clone();
        let bound = labels.remove("le").ok_or("a bucket has a bound")?;
        let bound = if bound == "+Inf" {
            f64::INFINITY
        } else {
            bound.parse().map_err(|_| bound)?
        };
        groups.entry(labels).or_default().push((bound, sample.value));
    }
    for (labels, buckets) in groups {
        let grows = buckets
            .windows(2)
            .all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1);
        let count = samples
            .iter()
            .find(|s| s.name == format!("{name}_count") && s.labels == labels);
        let sum = samples
            .iter()
            .find(|s| s.name == format!("{name}_sum") && s.labels == labels);
        let (last, count) = (buckets.last().ok_or("buckets")?, count.ok_or("a count")?);
        if !grows || !last.0.is_infinite() || last.1 != count.value || sum.is_none() {
            return Err(format!("{name} {labels:?}: {buckets:?}"));
        }
    }
    Ok(())
}

#[test]
fn what_is_malformed_is_refused() {
    let good = "# HELP a_total b\n# TYPE a_total counter\na_total{b=\"c\\\"\"} 1\n";
    assert_eq!(read(good, "_total").unwrap()[0].labels["b"], "c\"");
    for (from, to) in [
        ("a_total{", "b_total{"),
        ("counter", "thing"),
        ("b=", "1b="),
        ("\\\"", "\\x"),
        (" 1\n", "\n"),
        ("a_total{b=\"c\\\"\"} 1\n", "a_total 1\na_total 2\n"),
    ] {
        assert!(read(&good.replacen(from, to, 1), "_total").is_err(), "{from} {to}");
    }
    let histogram =
        "# HELP h b\n# TYPE h histogram\nh_bucket{le=\"1.0\"} 2\nh_bucket{le=\"+Inf\"} 3\nh_sum 4\nh_count 3\n";
    assert_eq!(read(histogram, "_total").unwrap().len(), 4);
    for (from, to) in [
        ("} 2", "} 4"),
        ("h_count 3", "h_count 4"),
        ("+Inf", "2.0"),
        ("h_sum 4\n", ""),
    ] {
        assert!(read(&histogram.replacen(from, to, 1), "_total").is_err(), "{from} {to}");
    }
}
