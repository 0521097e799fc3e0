//! The page: find, settle, replace, look again.

use std::collections::BTreeMap;

use cultivar_record::Digest;

use crate::{
    DetectorCount, Kind, PrivacyError, PrivacyReport, Span, Strength, Verification,
    detectors::{DETECTORS, SOURCES, detector},
    draw::{Draw, key_name},
    report::RECALL,
    resolve::resolve,
};

/// Rounds of replacement before a text counts as one that cannot be made clean. Two suffice for every text known to us:
/// a replacement can only disturb what stands right beside it.
const MOST_ROUNDS: u32 = 8;

/// Finds and replaces personal data under one key, and keeps count.
#[derive(Clone, Debug)]
pub struct Desensitiser {
    key: [u8; 32],
    pub(crate) tally: Tally,
}

/// What was done so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) conversations: u64,
    pub(crate) messages: u64,
    texts: u64,
    surrogates: u64,
    second_look: u64,
    counts: BTreeMap<(Kind, &'static str, Strength), u64>,
}

/// A text without the personal data that was found in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desensitised {
    /// The text with surrogates.
    pub text: String,
    /// What was replaced: places in the text as it was given.
    pub spans: Vec<Span>,
    /// What only a second look found, in the text between; places are of no use to anybody.
    pub second_look: Vec<Span>,
    /// How many surrogates of ours a scan of the result finds. Some, by design, no detector mistakes for real.
    pub surrogates: usize,
}

impl Desensitiser {
    /// A desensitiser under a key. The same key gives the same surrogate to the same value, in every text.
    pub fn new(key: [u8; 32]) -> Self {
        let tally = Tally::default();
        Self { key, tally }
    }

    /// What is found in a text, without overlaps, in order; surrogates of ours included.
    pub fn scan(&self, text: &str) -> Vec<Span> {
        let mut found = Vec::new();
        for detector in DETECTORS {
            detector.scan(text, &mut found);
        }
        resolve(found)
    }

    /// The text with a surrogate for everything that was found. Not counted in the report.
    ///
    /// # Errors
    /// `privacy::residue` where a scan of the result does not come clean.
    pub fn desensitise(&self, text: &str) -> Result<Desensitised, PrivacyError> {
        let mut found = self.scan(text);
        let mut done = Desensitised {
            text: text.to_owned(),
            spans: Vec::new(),
            second_look: Vec::new(),
            surrogates: 0,
        };
        for round in 0..MOST_ROUNDS {
            let foreign: Vec<Span> = found.extract_if(.., |span| !is_ours(span, &done.text)).collect();
            if foreign.is_empty() {
                done.surrogates = found.len();
                return Ok(done);
            }
            done.text = self.replaced(&done.text, &foreign);
            if round == 0 {
                &mut done.spans
            } else {
                &mut done.second_look
            }
            .extend(foreign);
            found = self.scan(&done.text);
        }
        let left = found.into_iter().find(|span| !is_ours(span, &done.text));
        left.map_or(Ok(done), |span| {
            Err(PrivacyError::Residue {
                kind: span.kind,
                rounds: MOST_ROUNDS,
            })
        })
    }

    /// As [`Self::desensitise`], counted.
    pub(crate) fn counted(&mut self, text: &str) -> Result<String, PrivacyError> {
        let done = self.desensitise(text)?;
        let tally = &mut self.tally;
        tally.texts += 1;
        tally.surrogates += count(done.surrogates);
        tally.second_look += count(done.second_look.len());
        for span in done.spans.iter().chain(&done.second_look) {
            *tally
                .counts
                .entry((span.kind, span.detector, span.strength))
                .or_default() += 1;
        }
        Ok(done.text)
    }

    /// What was done so far.
    pub fn report(&self) -> PrivacyReport {
        let counts = self
            .tally
            .counts
            .iter()
            .map(|((kind, detector, strength), replaced)| DetectorCount {
                kind: *kind,
                detector: (*detector).to_owned(),
                strength: *strength,
                replaced: *replaced,
            });
        PrivacyReport {
            method: Digest::of_bytes(SOURCES.concat().as_bytes()),
            key: key_name(&self.key),
            conversations: self.tally.conversations,
            messages: self.tally.messages,
            counts: counts.collect(),
            verification: Verification {
                texts: self.tally.texts,
                surrogates: self.tally.surrogates,
                second_look: self.tally.second_look,
            },
            recall: RECALL.to_owned(),
        }
    }

    fn replaced(&self, text: &str, spans: &[Span]) -> String {
        let mut result = String::with_capacity(text.len() + 16 * spans.len());
        let mut at = 0;
        for span in spans {
            let (detector, value) = (detector(span.kind), span.text(text));
            let mut draw = Draw::new(&self.key, span.kind, &detector.normalised(value));
            result.push_str(text.get(at..span.start).unwrap_or_default());
            result.push_str(&detector.surrogate(value, &mut draw));
            at = span.end;
        }
        result.push_str(text.get(at..).unwrap_or_default());
        result
    }
}

fn is_ours(span: &Span, text: &str) -> bool {
    detector(span.kind).is_ours(span.text(text))
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
