//! What the ledger holds: entries of ids, digests and salted commitments, never text.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize, de::Error as _};
use sha2::{Digest as _, Sha256};

use crate::{Ambient, Digest, OrganizationId, RecordError, Timestamp, canonical_json};

/// The position of an entry in the ledger, from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LeafIndex(pub u64);

impl fmt::Display for LeafIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// An organisation was created.
    OrganizationCreated,
    /// An API key was issued.
    KeyIssued,
    /// An API key was revoked.
    KeyRevoked,
    /// An organisation's market, limits or retention were changed.
    OrganizationChanged,
    /// An organisation's standing was changed, with the reason.
    StandingChanged,
    /// A project was created or changed.
    ProjectChanged,
    /// A member was added, changed or removed.
    MemberChanged,
    /// A person signed that a model may be offered in a market.
    ApprovalGranted,
    /// An approval was withdrawn.
    ApprovalRevoked,
    /// A piece of evidence for a model in a market was put down or replaced.
    EvidenceCollected,
    /// A provider said that our own account is warned or disabled, or somebody closed such an incident.
    Incident,
    /// A provider was registered with its terms.
    ProviderRegistered,
    /// A provider was removed.
    ProviderRemoved,
    /// A named person accepted terms for the organisation.
    TermsAccepted,
    /// A named person decided how the organisation reads what terms do not speak of.
    SilenceDecided,
    /// A person signed that a contract waives facts of some terms; it takes two.
    GrantSigned,
    /// A grant was revoked.
    GrantRevoked,
    /// A use was permitted or forbidden.
    Decision,
    /// A provider is about to be called.
    CallIntent,
    /// A provider answered, failed, or the process died.
    CallOutcome,
    /// Data that was not recorded here was taken in, with its licence and what contradicts it.
    DataImported,
    /// Data was transformed; the entry names what it was made from.
    DataTransformed,
    /// A dataset was sealed.
    DatasetSealed,
    /// A part of a dataset that one stack of terms binds was sealed.
    SliceSealed,
    /// A training run began.
    RunStarted,
    /// A training run ended.
    RunEnded,
    /// A model was published with its pedigree.
    ModelPublished,
    /// A model or a bot was released in a market.
    Released,
    /// A model was withdrawn.
    ModelRetired,
    /// A person read content.
    ContentRead,
    /// Records of a person or an organisation were handed out, with their proofs.
    RecordsExported,
    /// Payload, salt and key of records were destroyed.
    Erased,
    /// An earlier entry is wrong; this one says what holds.
    Corrected,
    /// A step of a case: opened, a note, a measure, an appeal, closed.
    CaseStep,
    /// The ledger's key was replaced: this entry names the new one, under the old one's last tree head.
    LedgerKeyRotated,
    /// A comparison was planned; its first answer comes later.
    ComparisonPlanned,
    /// A comparison's results were computed.
    ComparisonReported,
}

impl EntryKind {
    /// The name in the entry.
    pub fn name(self) -> String {
        serde_json::to_value(self)
            .ok()
            .and_then(|v| v.as_str().map(str::to_owned))
            .unwrap_or_default()
    }
}

/// 32 random bytes that keep a commitment from being guessed; destroyed when its payload is erased. Hexadecimal text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Salt([u8; 32]);

impl Salt {
    /// A fresh salt.
    pub fn new(ambient: &dyn Ambient) -> Self {
        Self(ambient.entropy())
    }

    /// The salt of these bytes.
    pub const fn from_raw(raw: [u8; 32]) -> Self {
        Self(raw)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Digest::from_raw(self.0).hex())
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(..)")
    }
}

impl FromStr for Salt {
    type Err = RecordError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digest: Digest = format!("sha256:{text}")
            .parse()
            .map_err(|_| RecordError::malformed("salt", "(hidden)", "64 hexadecimal digits are needed", "00…ff"))?;
        Ok(Self(*digest.as_bytes()))
    }
}

impl Serialize for Salt {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Salt {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// `SHA-256(salt || canonical JSON of the payload)`: binds the entry to a payload without telling anything about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Commitment(pub Digest);

impl Commitment {
    /// The commitment to a payload.
    pub fn to<T: Serialize + ?Sized>(salt: Salt, payload: &T) -> Result<Self, RecordError> {
        Ok(Self::to_text(salt, &canonical_json(payload)?))
    }

    /// The commitment to a payload whose canonical JSON is at hand.
    pub fn to_text(salt: Salt, canonical: &str) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(salt.0);
        hasher.update(canonical.as_bytes());
        Self(Digest::from_raw(hasher.finalize().into()))
    }
}

/// One entry. Its canonical JSON is the leaf's data, at most 65,535 bytes (C2SP tlog-tiles). The fields stand in the order of
/// that JSON ([`crate::sorted_json`]).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// When.
    pub at: Timestamp,
    /// Salted commitment to the record.
    pub commitment: Commitment,
    /// Digests that may be public: terms, policies, sealed manifests, weights. Name and digest, sorted by name.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub digests: std::collections::BTreeMap<String, Digest>,
    /// What happened.
    pub kind: EntryKind,
    /// Whose ledger.
    pub organization: OrganizationId,
    /// The id or name of what it happened to (an exchange, a dataset, a run …): never text of a person.
    pub subject: String,
    /// Version of this shape.
    pub v: u32,
}

/// The version of [`LedgerEntry`]'s shape that this program writes.
pub(crate) const ENTRY_VERSION: u32 = 1;

impl LedgerEntry {
    /// An entry that commits to `payload` under `salt`.
    pub fn new<T: Serialize + ?Sized>(
        kind: EntryKind,
        organization: OrganizationId,
        subject: impl fmt::Display,
        salt: Salt,
        payload: &T,
        at: Timestamp,
    ) -> Result<Self, RecordError> {
        Ok(Self::of(
            kind,
            organization,
            subject,
            Commitment::to(salt, payload)?,
            at,
        ))
    }

    /// An entry with a commitment that is at hand.
    pub fn of(
        kind: EntryKind,
        organization: OrganizationId,
        subject: impl fmt::Display,
        commitment: Commitment,
        at: Timestamp,
    ) -> Self {
        Self {
            at,
            commitment,
            digests: std::collections::BTreeMap::new(),
            kind,
            organization,
            subject: subject.to_string(),
            v: ENTRY_VERSION,
        }
    }

    /// The same entry with a public digest added.
    #[must_use]
    pub fn with(mut self, name: &str, digest: Digest) -> Self {
        self.digests.insert(name.to_owned(), digest);
        self
    }
}
