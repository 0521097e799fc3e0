//! Check digits.

/// Whether digits (values 0 to 9, most significant first) pass the Luhn test. Source: ISO/IEC 7812-1, annex B.
pub(crate) fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let digit = u32::from(*digit);
            match place % 2 {
                0 => digit,
                _ if digit > 4 => digit * 2 - 9,
                _ => digit * 2,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// The last digit that makes these digits and it pass the Luhn test.
pub(crate) fn luhn_digit(digits: &[u8]) -> u8 {
    let mut whole = digits.to_vec();
    whole.push(0);
    for last in 0..9 {
        if let Some(place) = whole.last_mut() {
            *place = last;
        }
        if luhn(&whole) {
            return last;
        }
    }
    9
}

/// The remainder modulo 97 of letters and digits, a letter counting as 10 to 35; `None` where there is anything else.
/// Source: ISO 7064, MOD 97-10, as ISO 13616 uses it.
pub(crate) fn mod_97(characters: impl Iterator<Item = u8>) -> Option<u32> {
    let mut rest = 0;
    for character in characters {
        let value = char::from(character).to_digit(36)?;
        rest = (if value > 9 { rest * 100 } else { rest * 10 } + value) % 97;
    }
    Some(rest)
}

/// The eighteenth character of a resident identity number (`b'0'` to `b'9'`, or `b'X'`) from the first seventeen digits.
/// Source: GB 11643-1999; ISO 7064, MOD 11-2.
pub(crate) fn mod_11_2(digits: &[u8]) -> u8 {
    let rest = digits.iter().fold(0, |rest, digit| (rest + u32::from(*digit)) * 2 % 11);
    match (12 - rest) % 11 {
        10 => b'X',
        digit => b'0' + u8::try_from(digit).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(text: &str) -> Vec<u8> {
        text.bytes().map(|byte| byte - b'0').collect()
    }

    #[test]
    fn published_numbers_pass_and_a_changed_digit_does_not() {
        assert!(luhn(&digits("4111111111111111")) && luhn(&digits("378282246310005")));
        assert!(!luhn(&digits("4111111111111112")));
        // ISO 13616: move the first four characters to the end.
        assert_eq!(mod_97("370400440532013000DE89".bytes()), Some(1));
        assert_eq!(
            mod_97("370400440532013001DE89".bytes()).map(|rest| rest == 1),
            Some(false)
        );
        assert_eq!(mod_97("37 04".bytes()), None);
        // GB 11643-1999, annex: 11010519491231002X and 440524188001010014.
        assert_eq!(mod_11_2(&digits("11010519491231002")), b'X');
        assert_eq!(mod_11_2(&digits("44052418800101001")), b'4');
    }

    #[test]
    fn the_computed_luhn_digit_passes() {
        for last in 0..100 {
            let mut number = digits(&format!("400000{last:02}"));
            number.push(luhn_digit(&number));
            assert!(luhn(&number));
        }
    }
}
