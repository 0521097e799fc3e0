//! What the journal holds: one frame per intent and per outcome, with everything that settling them needs. Knows bytes and
//! lengths, not what a call means.
//!
//! On disk a frame is its length (u32, little-endian), a CRC-32 (u32), and the payload: a kind byte, then fields,
//! each a length (u32) and bytes. The checksum begins with the frame's number: a frame that was cut off by a killed process fails
//! it, and so does one that lies there from the file's earlier use.

use std::sync::Arc;

use cultivar_record::{Digest, ExchangeId, ExchangeOutcome, Intent, OrganizationId, Salt, Timestamp};

use crate::StoreError;

/// Bytes before a payload.
pub(crate) const HEADER: usize = 8;
/// The longest payload: a request of 32 MiB with its record.
const MOST_PAYLOAD: usize = 256 << 20;
const INTENT: u8 = 1;
const OUTCOME: u8 = 2;

/// One thing that happened to a call.
#[derive(Clone, Debug)]
pub enum Frame {
    /// A provider is about to be asked.
    Intent(Box<IntentFrame>),
    /// It answered, failed, or was given up.
    Outcome(Box<OutcomeFrame>),
}

/// A provider is about to be asked.
#[derive(Clone, Debug)]
pub struct IntentFrame {
    /// The record.
    pub intent: Arc<Intent>,
    /// Its canonical JSON.
    pub text: String,
    /// The salt of its commitment.
    pub salt: Salt,
    /// Its ledger entry, canonical JSON.
    pub entry: String,
    /// Names the same question of the same conversation.
    pub prompt_key: Option<String>,
    /// The request's body, where it is kept.
    pub body: Option<bytes::Bytes>,
}

/// How a call ended.
#[derive(Clone, Debug)]
pub struct OutcomeFrame {
    /// The exchange.
    pub exchange: ExchangeId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// The record.
    pub outcome: ExchangeOutcome,
    /// Its canonical JSON.
    pub text: String,
    /// The salt of its commitment.
    pub salt: Salt,
    /// Its ledger entry, canonical JSON.
    pub entry: String,
    /// When.
    pub at: Timestamp,
    /// The answer's body, where there is one and it is kept.
    pub body: Option<bytes::Bytes>,
}

impl Frame {
    /// The ledger entry that the frame becomes.
    pub(crate) fn entry(&self) -> &str {
        match self {
            Self::Intent(intent) => &intent.entry,
            Self::Outcome(outcome) => &outcome.entry,
        }
    }

    /// About how much memory the frame takes, in bytes.
    pub(crate) fn size(&self) -> usize {
        let text = match self {
            Self::Intent(intent) => intent.text.len(),
            Self::Outcome(outcome) => outcome.text.len(),
        };
        text + self.entry().len() + self.body().map_or(0, |(_, body)| body.len())
    }

    /// The body that the frame carries, and its digest.
    pub(crate) fn body(&self) -> Option<(Digest, &bytes::Bytes)> {
        match self {
            Self::Intent(intent) => Some((intent.intent.request, intent.body.as_ref()?)),
            Self::Outcome(outcome) => Some((outcome.outcome.answer()?, outcome.body.as_ref()?)),
        }
    }

    /// The frame of this number as it stands on disk.
    pub(crate) fn encode(&self, number: u64, to: &mut Vec<u8>) {
        let start = to.len();
        to.extend_from_slice(&[0; HEADER]);
        match self {
            Self::Intent(frame) => {
                to.push(INTENT);
                put(to, frame.text.as_bytes());
                put(to, frame.salt.as_bytes());
                put(to, frame.entry.as_bytes());
                put_or_not(to, frame.prompt_key.as_deref().map(str::as_bytes));
                put_or_not(to, frame.body.as_deref());
            }
            Self::Outcome(frame) => {
                to.push(OUTCOME);
                put(to, frame.exchange.to_string().as_bytes());
                put(to, frame.organization.to_string().as_bytes());
                put(to, frame.text.as_bytes());
                put(to, frame.salt.as_bytes());
                put(to, frame.entry.as_bytes());
                put(to, &frame.at.micros().to_le_bytes());
                put_or_not(to, frame.body.as_deref());
            }
        }
        let payload = to.get(start + HEADER..).unwrap_or_default();
        let (length, sum) = (length_of(payload), checksum(number, payload));
        if let Some(header) = to.get_mut(start..start + HEADER) {
            let (first, second) = header.split_at_mut(4);
            first.copy_from_slice(&length.to_le_bytes());
            second.copy_from_slice(&sum.to_le_bytes());
        }
    }

    /// The first frame of some bytes and its length on disk; nothing where it is cut off or damaged, or has another number.
    ///
    /// # Errors
    /// `store::unreadable_record` where its bytes are whole and yet no frame: another program wrote them.
    pub(crate) fn decode(number: u64, bytes: &[u8]) -> Result<Option<(Self, usize)>, StoreError> {
        let Some((header, rest)) = bytes.split_at_checked(HEADER) else {
            return Ok(None);
        };
        let mut header = Fields(header);
        let (length, sum) = (header.number()?, header.number()?);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let Some(payload) = rest.get(..length).filter(|_| length <= MOST_PAYLOAD) else {
            return Ok(None);
        };
        if checksum(number, payload) != sum {
            return Ok(None);
        }
        Ok(Some((Self::read(payload)?, HEADER + length)))
    }

    fn read(payload: &[u8]) -> Result<Self, StoreError> {
        let (kind, rest) = payload.split_first().ok_or_else(damaged)?;
        let mut fields = Fields(rest);
        match *kind {
            INTENT => {
                let text = fields.text()?;
                Ok(Self::Intent(Box::new(IntentFrame {
                    intent: Arc::new(serde_json::from_str(&text).map_err(|e| StoreError::unreadable_record(&e))?),
                    text,
                    salt: fields.salt()?,
                    entry: fields.text()?,
                    prompt_key: fields.optional()?.map(|key| String::from_utf8_lossy(key).into_owned()),
                    body: fields.optional()?.map(bytes::Bytes::copy_from_slice),
                })))
            }
            OUTCOME => {
                let (exchange, organization) = (fields.text()?.parse()?, fields.text()?.parse()?);
                let text = fields.text()?;
                Ok(Self::Outcome(Box::new(OutcomeFrame {
                    exchange,
                    organization,
                    outcome: serde_json::from_str(&text).map_err(|e| StoreError::unreadable_record(&e))?,
                    text,
                    salt: fields.salt()?,
                    entry: fields.text()?,
                    at: Timestamp::from_micros(i64::from_le_bytes(fields.array()?)),
                    body: fields.optional()?.map(bytes::Bytes::copy_from_slice),
                })))
            }
            _ => Err(damaged()),
        }
    }
}

fn checksum(number: u64, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&number.to_le_bytes());
    hasher.update(payload);
    hasher.finalize()
}

fn length_of(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

fn put(to: &mut Vec<u8>, field: &[u8]) {
    to.extend_from_slice(&length_of(field).to_le_bytes());
    to.extend_from_slice(field);
}

fn put_or_not(to: &mut Vec<u8>, field: Option<&[u8]>) {
    match field {
        None => to.extend_from_slice(&u32::MAX.to_le_bytes()),
        Some(field) => put(to, field),
    }
}

fn damaged() -> StoreError {
    StoreError::UnreadableRecord {
        reason: "a frame of the journal is not one that this program wrote".to_owned(),
    }
}

/// Reads fields one after the other.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], StoreError> {
        let (field, rest) = self.0.split_at_checked(length).ok_or_else(damaged)?;
        self.0 = rest;
        Ok(field)
    }

    fn number(&mut self) -> Result<u32, StoreError> {
        let bytes = self.take(4)?;
        Ok(u32::from_le_bytes(bytes.try_into().map_err(|_| damaged())?))
    }

    fn optional(&mut self) -> Result<Option<&'a [u8]>, StoreError> {
        match self.number()? {
            u32::MAX => Ok(None),
            length => self.take(usize::try_from(length).unwrap_or(usize::MAX)).map(Some),
        }
    }

    fn field(&mut self) -> Result<&'a [u8], StoreError> {
        self.optional()?.ok_or_else(damaged)
    }

    fn text(&mut self) -> Result<String, StoreError> {
        String::from_utf8(self.field()?.to_vec()).map_err(|_| damaged())
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], StoreError> {
        self.field()?.try_into().map_err(|_| damaged())
    }

    fn salt(&mut self) -> Result<Salt, StoreError> {
        Ok(Salt::from_raw(self.array()?))
    }
}
