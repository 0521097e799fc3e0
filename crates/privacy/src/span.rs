//! What was found, and where.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A kind of personal data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Resident identity number of the People's Republic of China, 18 characters.
    CnResidentId,
    /// International bank account number.
    Iban,
    /// Number of a payment card.
    PaymentCard,
    /// Social security number of the United States.
    UsSsn,
    /// Address of a mailbox.
    Email,
    /// Address of a page or a service.
    Url,
    /// Address of a machine, version 4 or 6.
    IpAddress,
    /// Telephone number.
    Phone,
}

impl Kind {
    /// The name in reports and in the derivation of surrogates.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CnResidentId => "cn_resident_id",
            Self::Iban => "iban",
            Self::PaymentCard => "payment_card",
            Self::UsSsn => "us_ssn",
            Self::Email => "email",
            Self::Url => "url",
            Self::IpAddress => "ip_address",
            Self::Phone => "phone",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a detector believes what it found, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strength {
    /// The form fits.
    Format,
    /// The form fits and a word before it says what it is.
    Context,
    /// Check digits fit.
    Checksum,
}

/// Where something was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// First byte; on a character boundary.
    pub start: usize,
    /// Byte after the last; on a character boundary.
    pub end: usize,
    /// What it is.
    pub kind: Kind,
    /// Who says so: the detector's name.
    pub detector: &'static str,
    /// Why.
    pub strength: Strength,
    /// What else was found inside it, in order; it goes with the whole.
    pub inside: Vec<Kind>,
}

impl Span {
    pub(crate) fn new(range: std::ops::Range<usize>, kind: Kind, strength: Strength) -> Self {
        let (start, end) = (range.start, range.end);
        Self {
            start,
            end,
            kind,
            detector: kind.as_str(),
            strength,
            inside: Vec::new(),
        }
    }

    pub(crate) fn contains(&self, other: &Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    pub(crate) fn text<'a>(&self, text: &'a str) -> &'a str {
        text.get(self.start..self.end).unwrap_or_default()
    }
}
