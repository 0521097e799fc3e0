//! Typed ids: UUID version 7 as text, so that they sort by the time at which they were made.
//! Source: RFC 9562, section 5.7.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Ambient, RecordError, Timestamp};

macro_rules! typed_id {
    ($($(#[$doc:meta])* $name:ident, $what:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A fresh id of this moment.
            pub fn new(ambient: &dyn Ambient) -> Self {
                Self::from_parts(ambient.now(), &ambient.entropy())
            }

            /// The id of a moment (milliseconds are kept) and the first ten of some random bytes.
            pub fn from_parts(at: Timestamp, random: &[u8; 32]) -> Self {
                let [a, b, c, d, e, f, g, h, i, j, ..] = *random;
                let random = [a, b, c, d, e, f, g, h, i, j];
                Self(uuid::Builder::from_unix_timestamp_millis(at.millis(), &random).into_uuid())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = RecordError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::try_parse(text)
                    .map(Self)
                    .map_err(|e| RecordError::malformed($what, text, e.to_string(), "0197a3c2-6f10-7c3e-9d2a-5b1e7f60c811"))
            }
        }
    )*};
}

typed_id! {
    /// An organisation.
    OrganizationId, "organisation id";
    /// An API key (never the key itself).
    ApiKeyId, "API key id";
    /// A registered provider.
    ProviderId, "provider id";
    /// One recorded request with its answer.
    ExchangeId, "exchange id";
    /// A conversation: ordered messages with one subject.
    ConversationId, "conversation id";
    /// A decision about a use.
    VerdictId, "verdict id";
    /// A dataset version.
    DatasetId, "dataset id";
    /// A training run.
    RunId, "run id";
    /// A version of a model of our own.
    ModelVersionId, "model version id";
    /// A comparison.
    ComparisonId, "comparison id";
    /// A unit of background work.
    JobId, "job id";
    /// A project of an organisation.
    ProjectId, "project id";
    /// A person of an organisation.
    MemberId, "member id";
    /// An approval.
    ApprovalId, "approval id";
    /// A grant.
    GrantId, "grant id";
    /// An incident.
    IncidentId, "incident id";
    /// An erasure of recorded exchanges.
    ErasureId, "erasure id";
}
