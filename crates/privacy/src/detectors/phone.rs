//! Telephone numbers.
//!
//! # What it finds
//! In this order, over groups of digits with one or two of ` -./()` between them:
//! international (`+` and 7 to 15 digits; `00` and 9 to 17), of the United States (3-3-4, the first two groups not beginning
//! with 0 or 1, with or without 1 before them), Chinese mobile (11 digits from 13 to 19, also 3-4-4, also after 86), with an
//! area code in parentheses, with a trunk 0 (0x-xxxxxx, or three groups and more), three to five groups of 2 to 4 digits
//! of unequal length with 9 to 12 digits in all; and any 7 to 15 digits where a word before or behind them says so. An extension
//! (`x12`, `ext. 12`) belongs to the number.
//! # Check
//! Form only; dates and the form of a social security number (3-2-4) are left alone.
//! # Surrogate
//! The same form, the last seven digits 555-01xx (reserved for fiction in the United States); international numbers get the
//! country code 999, which is not assigned. Short local numbers share 100 surrogates.
//! # Misses
//! Unbroken national numbers and 7-digit local numbers without such a word, numbers of six digits, numbers in words, letters for digits.
//! # Source
//! ITU-T E.164; NANPA, 555 line numbers; YD/T 2012 mobile prefixes.

use std::ops::Range;

use super::{Detector, us_ssn::UsSsn};
use crate::{
    Kind, Span, Strength,
    digits::{begins_at, chains, ends_at, is_cued, is_named, values, with_digits},
    draw::Draw,
};

const CUES: [&str; 16] = [
    "phone",
    "phones",
    "telephone",
    "tel",
    "call",
    "calling",
    "cell",
    "cellphone",
    "mobile",
    "fax",
    "dial",
    "whatsapp",
    "sms",
    "text",
    "contact",
    "reach",
];
const PHRASES: [&str; 6] = ["电话", "手机", "致电", "联系", "電話", "手機"];
/// Words behind a number that say what it is.
const NAMES: [&str; 6] = ["office", "fax", "mobile", "cell", "phone", "home"];
/// Most groups of one number.
const MOST_GROUPS: usize = 7;

/// Finds them.
pub(crate) struct Phone;

/// Some groups of a chain, from the first on.
struct Window<'a> {
    text: &'a str,
    groups: &'a [Range<usize>],
}

impl Detector for Phone {
    fn scan(&self, text: &str, found: &mut Vec<Span>) {
        for chain in chains(text) {
            let mut at = 0;
            while let Some(groups) = chain.get(at..).filter(|groups| !groups.is_empty()) {
                let window = Window { text, groups };
                match window.number(at == 0) {
                    None => at += 1,
                    Some((used, strength)) => {
                        found.push(Span::new(window.range(used), Kind::Phone, strength));
                        at += used;
                    }
                }
            }
        }
    }

    fn normalised(&self, value: &str) -> String {
        let digits: String = value.chars().filter(char::is_ascii_digit).collect();
        let country = usize::from(is_american(main_part(value)));
        digits.get(country..).unwrap_or_default().to_owned()
    }

    fn surrogate(&self, value: &str, draw: &mut Draw) -> String {
        let main = main_part(value);
        let real = values(main);
        let area = [2 + draw.below(8), draw.below(9), draw.digit()];
        let line = [5, 5, 5, 0, 1, draw.digit(), draw.digit()];
        let mut digits = draw.digits(real.len());
        let line_at = digits.len().saturating_sub(line.len());
        let head = line_at.saturating_sub(area.len());
        overwrite(&mut digits, head, &area);
        overwrite(&mut digits, line_at, &line);
        let prefix: &[u8] = match real.as_slice() {
            _ if is_american(main) => &[1],
            [0, 0, ..] if real.len() > 10 => &[0, 0, 9, 9, 9],
            _ if main.contains('+') => &[9, 9, 9],
            [1, 3..=9, ..] if real.len() == 11 => &[1, 0],
            [0, ..] if real.len() > line.len() => &[0],
            _ => &[],
        };
        overwrite(&mut digits, 0, prefix);
        digits.extend(draw.digits(value.len() - main.len()));
        with_digits(value, &digits)
    }

    fn is_ours(&self, value: &str) -> bool {
        // Where words allow both readings, the surrogate of a social security number is read as a telephone number.
        if UsSsn.is_ours(value) {
            return true;
        }
        let main = main_part(value);
        let digits = values(main);
        let fiction = digits.len().checked_sub(7).and_then(|head| digits.get(head..));
        let unassigned = main.contains('+') && digits.starts_with(&[9, 9, 9]);
        unassigned || digits.starts_with(&[0, 0, 9, 9, 9]) || matches!(fiction, Some([5, 5, 5, 0, 1, _, _]))
    }
}

impl Window<'_> {
    /// How many groups from the first on are a number, and why.
    fn number(&self, is_chain_start: bool) -> Option<(usize, Strength)> {
        if !self.begins() {
            return None;
        }
        let by_form = self
            .international()
            .or_else(|| self.american())
            .or_else(|| self.chinese());
        let by_form = by_form.or_else(|| if is_chain_start { self.national() } else { None });
        if let Some(used) = by_form.filter(|used| self.ends(*used)) {
            return Some((used, Strength::Format));
        }
        let used = self.most_digits(15);
        let fits = is_chain_start && self.digits(used) >= 7 && !self.is_other(used) && self.ends(used);
        let is_said =
            || is_cued(self.text, self.start(), &CUES, &PHRASES) || is_named(self.text, self.range(used).end, &NAMES);
        (fits && is_said()).then_some((used, Strength::Context))
    }

    /// `+` before it: the largest number of groups that a number can have, or exactly eleven digits after `+1`.
    fn international(&self) -> Option<usize> {
        let length = self.length(0);
        if self.marked(b'+') {
            let used = self.most_digits(15);
            let american = self.value(0).starts_with('1').then(|| self.exactly(11)).flatten();
            return american.or(Some(used)).filter(|used| self.digits(*used) >= 7);
        }
        let used = self.most_digits(17);
        let separated = used > 1 || length >= 11;
        let first = self.value(0);
        let code = first
            .strip_prefix("00")
            .map(|code| if code.is_empty() { self.value(1) } else { code });
        let is_code = code.is_some_and(|code| code.starts_with(|digit: char| digit != '0'));
        (is_code && separated && self.digits(used) >= 9).then_some(used)
    }

    /// 3-3-4 or 1-3-3-4; area and exchange begin with 2 to 9.
    fn american(&self) -> Option<usize> {
        let skip = usize::from(self.value(0) == "1");
        let lengths = [self.length(skip), self.length(skip + 1), self.length(skip + 2)];
        let starts = |place: usize| {
            self.value(place)
                .starts_with(|first: char| ('2'..='9').contains(&first))
        };
        (lengths == [3, 3, 4] && starts(skip) && starts(skip + 1)).then_some(skip + 3)
    }

    /// 1[3-9]xxxxxxxxx in one group or as 3-4-4, after 86 or not.
    fn chinese(&self) -> Option<usize> {
        let skip = usize::from(matches!(self.value(0), "86" | "0086"));
        let groups = match [self.length(skip), self.length(skip + 1), self.length(skip + 2)] {
            [11, ..] => 1,
            [3, 4, 4] => 3,
            _ => return None,
        };
        let mobile =
            self.value(skip).starts_with('1') && matches!(self.value(skip).as_bytes().get(1), Some(b'3'..=b'9'));
        mobile.then_some(skip + groups)
    }

    /// Forms of other countries, over a whole chain.
    fn national(&self) -> Option<usize> {
        let used = self.groups.len();
        let digits = self.digits(used);
        if used > MOST_GROUPS || self.is_other(used) {
            return None;
        }
        let area = self.marked(b'(') && (8..=12).contains(&digits) && used > 1 && self.length(0) <= 4;
        let lengths: Vec<usize> = self.groups.iter().map(Range::len).collect();
        let trunk = self.value(0).starts_with('0')
            && match lengths.as_slice() {
                [2..=5, 6..=8] => self.marks(used) == "-",
                [2..=5, _, _, ..] => (9..=11).contains(&digits) && self.is_even(used),
                _ => false,
            };
        let unequal = lengths.iter().any(|length| Some(length) != lengths.first());
        let grouped = (3..=5).contains(&used)
            && lengths.iter().all(|length| (2..=4).contains(length))
            && (9..=12).contains(&digits)
            && unequal
            && self.is_even(used);
        (area || trunk || grouped).then_some(used)
    }

    /// Dates, version 4 addresses, and the form of a social security number.
    fn is_other(&self, used: usize) -> bool {
        let lengths: Vec<usize> = self.groups.iter().take(used).map(Range::len).collect();
        let marks = self.marks(used);
        marks.contains('/')
            || matches!(lengths.as_slice(), [4, 1..=2, 1..=2] | [1..=2, 1..=2, 4] | [3, 2, 4])
            || (marks.contains('.') && lengths.contains(&1))
            || (marks == "..." && lengths.iter().all(|length| *length <= 3))
    }

    /// Whether all groups are separated by the same one of space, hyphen and point.
    fn is_even(&self, used: usize) -> bool {
        let marks = self.marks(used);
        let first = marks.bytes().next();
        let even = matches!(first, Some(b' ' | b'-')) && marks.bytes().all(|mark| Some(mark) == first);
        even && marks.len() + 1 == used
    }

    /// What stands between the groups.
    fn marks(&self, used: usize) -> String {
        let range = self.start()..self.end(used);
        self.text
            .get(range)
            .unwrap_or_default()
            .chars()
            .filter(|mark| !mark.is_ascii_digit())
            .collect()
    }

    fn start(&self) -> usize {
        self.groups.first().map_or(0, |group| group.start)
    }

    fn end(&self, used: usize) -> usize {
        used.checked_sub(1)
            .and_then(|last| self.groups.get(last))
            .map_or(0, |group| group.end)
    }

    fn length(&self, place: usize) -> usize {
        self.groups.get(place).map_or(0, Range::len)
    }

    fn value(&self, place: usize) -> &str {
        self.groups
            .get(place)
            .and_then(|group| self.text.get(group.clone()))
            .unwrap_or_default()
    }

    fn digits(&self, used: usize) -> usize {
        self.groups.iter().take(used).map(Range::len).sum()
    }

    /// How many groups have at most so many digits together.
    fn most_digits(&self, most: usize) -> usize {
        let mut sum = 0;
        let fits = |group: &&Range<usize>| {
            sum += group.len();
            sum <= most
        };
        self.groups.iter().take(MOST_GROUPS).take_while(fits).count()
    }

    /// How many groups have exactly so many digits together.
    fn exactly(&self, count: usize) -> Option<usize> {
        let used = self.most_digits(count);
        (self.digits(used) == count).then_some(used)
    }

    fn marked(&self, mark: u8) -> bool {
        self.text.as_bytes().get(..self.start()).and_then(<[u8]>::last) == Some(&mark)
    }

    fn begins(&self) -> bool {
        let sign = usize::from(self.marked(b'+') || self.marked(b'('));
        begins_at(self.text, self.start() - sign)
    }

    fn ends(&self, used: usize) -> bool {
        used > 0 && ends_at(self.text, self.end(used) + self.extension(used))
    }

    /// The number's place, with its sign and its extension.
    fn range(&self, used: usize) -> Range<usize> {
        let sign = usize::from(self.marked(b'+') || self.marked(b'('));
        let end = self.end(used);
        self.start() - sign..end + self.extension(used)
    }

    /// The length of an extension behind so many groups: `x12`, ` ext. 12`, one to six digits.
    fn extension(&self, used: usize) -> usize {
        let rest = self.text.get(self.end(used)..).unwrap_or_default();
        let body = rest.strip_prefix(' ').unwrap_or(rest);
        let named = ["ext. ", "ext.", "ext ", "x "]
            .iter()
            .find_map(|name| body.strip_prefix(name));
        let Some(number) = named.or_else(|| body.strip_prefix('x')) else {
            return 0;
        };
        let digits = number.bytes().take_while(u8::is_ascii_digit).count();
        if (1..=6).contains(&digits) {
            rest.len() - number.len() + digits
        } else {
            0
        }
    }
}

/// A number without its extension.
fn main_part(value: &str) -> &str {
    let end = value
        .find(|character: char| character.is_ascii_alphabetic())
        .unwrap_or(value.len());
    value.get(..end).unwrap_or_default()
}

/// Whether it is written with the country code 1: after `+`, or in a group of its own.
fn is_american(main: &str) -> bool {
    let first_group = main
        .trim_start_matches('(')
        .bytes()
        .take_while(u8::is_ascii_digit)
        .count();
    (main.contains('+') || first_group == 1)
        && matches!(values(main).as_slice(), [1, 2..=9, rest @ ..] if rest.len() == 9)
}

fn overwrite(digits: &mut [u8], from: usize, with: &[u8]) {
    for (place, digit) in digits.iter_mut().skip(from).zip(with) {
        *place = *digit;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::found;

    #[test]
    fn forms_of_many_countries_are_found() {
        let numbers = [
            "(96) 627-277",
            "(07) 5331 0577",
            "001-420-335-7509x38548",
            "986.291.2294x751",
            "041-412-293",
            "21 212 133 2727",
            "027 896 92 86",
            "+1-944-435-4352x04732",
            "69 987 88 37",
            "(415) 867-5309 ext. 12",
            "1-415-867-5309",
            "+44 20 7123 4567",
            "+447700123456",
            "13812345678",
            "138 1234 5678",
            "+86 138-1234-5678",
            "0571-87654321",
        ];
        for number in numbers {
            let text = format!("Is it {number}, then?");
            assert_eq!(found(&Phone, &text), [number]);
        }
    }

    #[test]
    fn a_word_makes_a_number_of_bare_digits() {
        for text in [
            "call me: 8675309",
            "phone number is 4158675309.",
            "手机8675309",
            "Tel. 467 3395",
        ] {
            assert_eq!(found(&Phone, text).len(), 1, "{text}");
        }
        for text in [
            "take 8675309",
            "order 4158675309",
            "recall 8675309",
            "call me at 7:30",
            "text 4111",
        ] {
            assert!(found(&Phone, text).is_empty(), "{text}");
        }
    }

    #[test]
    fn dates_prices_and_counts_are_none() {
        let others = [
            "1998-06-28 14:48:14",
            "12/27/1986",
            "27.12.1986",
            "call on 12-27-1986",
            "531-21-7351",
            "12 16 20 24",
            "2019 2020 2021",
            "$415 867 5309",
            "1,415,867,5309",
            "two 16 oz lattes at 7:30",
            "4111 1111 1111 1111",
            "3.1415926535",
        ];
        for other in others {
            assert!(found(&Phone, other).is_empty(), "{other}");
        }
    }

    #[test]
    fn surrogates_keep_the_form_and_are_ours() {
        let values = [
            "(415) 867-5309",
            "+44 20 7123 4567",
            "13812345678",
            "027 896 92 86",
            "8675309",
            "001-420-335-7509x38548",
        ];
        for value in values {
            let mut draw = Draw::new(&[7; 32], Kind::Phone, value);
            let surrogate = Phone.surrogate(value, &mut draw);
            let form = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "0");
            assert_eq!(form(&surrogate), form(value));
            assert!(Phone.is_ours(&surrogate) && !Phone.is_ours(value), "{surrogate}");
        }
        assert_eq!(Phone.normalised("+1 (415) 867-5309"), Phone.normalised("415.867.5309"));
    }
}
