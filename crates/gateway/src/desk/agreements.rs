//! Agreements: a named person accepts a version of terms for an organisation.

use std::sync::PoisonError;

use cultivar_policy::stack::{self, Row};
use cultivar_record::{
    Acceptance, Digest, EntryKind, Market, Organization, OrganizationId, Purpose, TermsKey, Timestamp,
};
use cultivar_store::tables;

use super::{Act, Registered};
use crate::{Gateway, GatewayError};

/// What an agreement covers; everything where nothing is named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// The markets.
    pub markets: Vec<Market>,
    /// The purposes.
    pub purposes: Vec<Purpose>,
    /// Until when it is in force.
    pub until: Option<Timestamp>,
}

impl Gateway {
    /// Records that a named person accepted a row of terms for an organisation, for everything that it covers. Of rows that bind
    /// together, each is accepted.
    pub async fn accept_terms(
        &self,
        organization: &Organization,
        terms: &TermsKey,
        accepted_by: &str,
    ) -> Result<Registered, GatewayError> {
        let mut all = Registered::Already;
        for Row { terms: row, digest, .. } in self.keep_terms(terms).await? {
            if !self.has_agreement(organization.id, &row, digest) {
                all = self
                    .agree_to(organization, (&row, digest), accepted_by, Coverage::default())
                    .await?;
            }
        }
        Ok(all)
    }

    /// Whether there is an agreement about this version, whatever it covers: accepting it again must not widen it.
    fn has_agreement(&self, organization: OrganizationId, terms: &TermsKey, digest: Digest) -> bool {
        let acceptances = self.acceptances.read().unwrap_or_else(PoisonError::into_inner);
        acceptances
            .iter()
            .any(|known| known.organization == organization && known.terms == *terms && known.digest == digest)
    }

    /// As [`Gateway::accept_terms`], for some markets and purposes, or until some time. One agreement per version of terms is in
    /// force: a later one with another coverage replaces it.
    pub async fn agree(
        &self,
        organization: &Organization,
        terms: &TermsKey,
        accepted_by: &str,
        coverage: Coverage,
    ) -> Result<Registered, GatewayError> {
        let mut all = Registered::Already;
        for Row { terms: row, digest, .. } in self.keep_terms(terms).await? {
            let agreed = self
                .agree_to(organization, (&row, digest), accepted_by, coverage.clone())
                .await?;
            if agreed == Registered::New {
                all = agreed;
            }
        }
        Ok(all)
    }

    async fn agree_to(
        &self,
        organization: &Organization,
        (terms, digest): (&TermsKey, Digest),
        accepted_by: &str,
        coverage: Coverage,
    ) -> Result<Registered, GatewayError> {
        let acceptance = Acceptance {
            organization: organization.id,
            terms: terms.clone(),
            digest,
            accepted_by: accepted_by.to_owned(),
            at: self.ambient.now(),
            markets: coverage.markets,
            purposes: coverage.purposes,
            until: coverage.until,
        };
        if self.is_agreed(&acceptance) {
            return Ok(Registered::Already);
        }
        let act = Act::new(EntryKind::TermsAccepted, organization.id, terms).with("terms", digest);
        self.act(act, acceptance.clone(), |tx, row| {
            tables::acceptance::put(tx, row).map(|()| true)
        })
        .await?;
        let mut acceptances = self.acceptances.write().unwrap_or_else(PoisonError::into_inner);
        acceptances.retain(|known| !is_same(known, &acceptance));
        acceptances.push(acceptance);
        Ok(Registered::New)
    }

    fn is_agreed(&self, wanted: &Acceptance) -> bool {
        let acceptances = self.acceptances.read().unwrap_or_else(PoisonError::into_inner);
        acceptances.iter().any(|known| {
            is_same(known, wanted)
                && known.markets == wanted.markets
                && known.purposes == wanted.purposes
                && known.until == wanted.until
        })
    }

    /// Keeps the rows of a key as they stand, so that they can be read as long as something is bound by them.
    pub(super) async fn keep_terms(&self, key: &TermsKey) -> Result<Vec<Row>, GatewayError> {
        let terms = self.terms(key)?;
        for part in stack::parts(&terms) {
            self.put_blob(&part).await?;
        }
        self.put_blob(&terms).await?;
        Ok(stack::rows(&terms)?)
    }
}

/// Whether two acceptances are of the same version of the same terms by the same organisation.
fn is_same(one: &Acceptance, other: &Acceptance) -> bool {
    one.organization == other.organization && one.terms == other.terms && one.digest == other.digest
}
