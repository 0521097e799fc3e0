//! Whether an approval holds: every digest is what was signed, its time is not over, and enough people of the right roles signed.

use cultivar_record::{Approval, Digest, Member, Quorum, Timestamp};

use crate::{AttestError, Collected, signers::signers};

/// Version of the statements' shapes.
pub(crate) const VERSION: u32 = 1;
const MICROS_PER_DAY: i64 = 24 * 60 * 60 * 1_000_000;

/// How things stand now.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    /// The time.
    pub now: Timestamp,
    /// The digest of what answers; nothing where nobody does.
    pub subject: Option<Digest>,
    /// The evidence that is there.
    pub evidence: &'a Collected,
    /// The digest of the policies in force.
    pub policies: Digest,
    /// The market's rule.
    pub quorum: &'a Quorum,
    /// The people, those who left included.
    pub members: &'a [Member],
}

/// How something that people signed stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The names of those whose signatures count.
    pub signers: Vec<String>,
    /// What is missing or void, in the order of its weight; nothing where it holds.
    pub faults: Vec<AttestError>,
}

impl Standing {
    /// Whether it holds.
    pub fn holds(&self) -> bool {
        self.faults.is_empty()
    }
}

/// How an approval stands. A signature that does not count is a fault only where the others do not suffice.
pub fn approval_standing(approval: &Approval, now: &Circumstances<'_>) -> Standing {
    let statement = &approval.statement;
    let mut faults = Vec::new();
    if let Some(withdrawal) = &approval.withdrawn {
        let (at, by) = (withdrawal.at, withdrawal.by.clone());
        faults.push(AttestError::Withdrawn { at, by });
    }
    if now.now >= statement.expires_at {
        let at = statement.expires_at;
        faults.push(AttestError::Expired { at });
    }
    faults.extend(foreign(statement.v));
    let longest = i64::from(now.quorum.longest_days).saturating_mul(MICROS_PER_DAY);
    if statement
        .expires_at
        .micros()
        .saturating_sub(statement.requested_at.micros())
        > longest
    {
        let days = now.quorum.longest_days;
        faults.push(AttestError::TooLong { days });
    }
    if now.subject != Some(statement.subject) {
        faults.push(AttestError::SubjectChanged);
    }
    if now.policies != statement.policies {
        faults.push(AttestError::PoliciesChanged);
    }
    if now.evidence.digest != statement.evidence {
        faults.push(AttestError::EvidenceChanged);
    }
    faults.extend(now.evidence.faults.iter().cloned());
    let (counted, unsound) = signers(statement, &approval.signatures, now.members);
    faults.extend(enough(&counted, now.quorum, unsound));
    Standing {
        signers: counted.iter().map(|member| member.name.clone()).collect(),
        faults,
    }
}

/// What is wrong with a statement of another version.
pub(crate) fn foreign(version: u32) -> Option<AttestError> {
    let reason = "it has another version";
    (version != VERSION).then_some(AttestError::ForeignStatement { reason })
}

/// What is missing of a quorum, with the signatures that do not count where anything is.
pub(crate) fn enough(counted: &[&Member], quorum: &Quorum, unsound: Vec<AttestError>) -> Vec<AttestError> {
    let (have, need) = (counted.len(), quorum.people.max(Quorum::FEWEST));
    let mut faults = Vec::new();
    if have < need {
        faults.push(AttestError::TooFewPeople { have, need });
    }
    let is_held = |role| counted.iter().any(|member| member.roles.contains(role));
    let missing = quorum.roles.iter().filter(|role| !is_held(role));
    faults.extend(missing.map(|role| AttestError::RoleMissing { role: *role }));
    if !faults.is_empty() {
        faults.extend(unsound);
    }
    faults
}
