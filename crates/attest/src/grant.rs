//! Whether a grant is in force, and whether it covers what somebody wants to do. What is not named is not covered.

use cultivar_record::{Grant, GrantStatement, Market, Member, Quorum, TermsKey, Timestamp, UseAction};

use crate::{
    AttestError, Standing,
    quorum::{enough, foreign},
    signers::signers,
};

/// A use of terms for which a waiver is looked for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The row of terms.
    pub terms: &'a TermsKey,
    /// Who grants in that row.
    pub party: &'a str,
    /// The model whose answers are used, by its name at the provider.
    pub model: &'a str,
    /// What for.
    pub action: UseAction,
    /// Where.
    pub market: &'a Market,
}

/// How a grant stands: two different people must have signed it.
pub fn grant_standing(grant: &Grant, members: &[Member], now: Timestamp) -> Standing {
    let statement = &grant.statement;
    let mut faults = Vec::new();
    if let Some(revoked) = &grant.revoked {
        let (at, by) = (revoked.at, revoked.by.clone());
        faults.push(AttestError::Withdrawn { at, by });
    }
    if now >= statement.expires_at {
        let at = statement.expires_at;
        faults.push(AttestError::Expired { at });
    }
    faults.extend(foreign(statement.v));
    let (counted, unsound) = signers(statement, &grant.signatures, members);
    faults.extend(enough(&counted, &Quorum::default(), unsound));
    Standing {
        signers: counted.iter().map(|member| member.name.clone()).collect(),
        faults,
    }
}

/// Whether a grant covers a use. Which markets a list covers is for the caller to say: it knows the groups.
pub fn covers(statement: &GrantStatement, wanted: &Wanted<'_>, in_market: impl Fn(&[Market], &Market) -> bool) -> bool {
    statement.party == wanted.party
        && statement.terms.contains(wanted.terms)
        && statement.purposes.contains(&wanted.action)
        && statement.models.iter().any(|named| named == wanted.model)
        // To others an empty list of markets means all of them; here it means none.
        && !statement.markets.is_empty()
        && in_market(&statement.markets, wanted.market)
}
