//! The detectors: one file each, of one shape, with the headings *What it finds / Check / Surrogate / Misses / Source*.
//!
//! A detector walks from anchor to anchor (a group of digits, `@`, `://` …) and looks at a bounded neighbourhood or at bytes
//! that no other anchor looks at, so that its time grows with the length of the text and no faster, whatever the text.

mod cn_resident_id;
mod email;
mod iban;
mod ip_address;
mod payment_card;
mod phone;
mod url;
mod us_ssn;

use crate::{Kind, Span, draw::Draw};

/// Finds one kind of personal data and knows what to put in its place.
pub(crate) trait Detector: Sync {
    /// Adds what it finds in the text, on character boundaries.
    fn scan(&self, text: &str, found: &mut Vec<Span>);

    /// The value without its spelling: equal for two spellings of the same thing.
    fn normalised(&self, value: &str) -> String;

    /// Something of the same shape from a reserved range.
    fn surrogate(&self, value: &str, draw: &mut Draw) -> String;

    /// Whether a finding of this detector is from the reserved range.
    fn is_ours(&self, value: &str) -> bool;
}

/// All of them.
pub(crate) const DETECTORS: [&dyn Detector; 8] = [
    &cn_resident_id::CnResidentId,
    &iban::Iban,
    &payment_card::PaymentCard,
    &us_ssn::UsSsn,
    &email::Email,
    &url::Url,
    &ip_address::IpAddress,
    &phone::Phone,
];

/// The one for a kind.
pub(crate) const fn detector(kind: Kind) -> &'static dyn Detector {
    match kind {
        Kind::CnResidentId => &cn_resident_id::CnResidentId,
        Kind::Iban => &iban::Iban,
        Kind::PaymentCard => &payment_card::PaymentCard,
        Kind::UsSsn => &us_ssn::UsSsn,
        Kind::Email => &email::Email,
        Kind::Url => &url::Url,
        Kind::IpAddress => &ip_address::IpAddress,
        Kind::Phone => &phone::Phone,
    }
}

/// The source text of everything that decides what is replaced by what: the method's digest covers it.
pub(crate) const SOURCES: [&str; 12] = [
    include_str!("detectors/cn_resident_id.rs"),
    include_str!("detectors/iban.rs"),
    include_str!("detectors/payment_card.rs"),
    include_str!("detectors/us_ssn.rs"),
    include_str!("detectors/email.rs"),
    include_str!("detectors/url.rs"),
    include_str!("detectors/ip_address.rs"),
    include_str!("detectors/phone.rs"),
    include_str!("checksum.rs"),
    include_str!("digits.rs"),
    include_str!("draw.rs"),
    include_str!("resolve.rs"),
];

/// What one detector finds in a text.
#[cfg(test)]
pub(crate) fn found<'a>(detector: &dyn Detector, text: &'a str) -> Vec<&'a str> {
    let mut spans = Vec::new();
    detector.scan(text, &mut spans);
    spans.iter().map(|span| span.text(text)).collect()
}
