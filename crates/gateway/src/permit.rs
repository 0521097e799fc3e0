//! Permission before anything happens. The same question about the same version of terms has one verdict per process: it is
//! decided once, recorded once, and every exchange names it.

use cultivar_policy::{Footing, OWN_MODELS, Scores, Training, Use, UseRequest};
use cultivar_record::{Digest, Organization, OrganizationId, Purpose, Standing, Terms, TermsKey, Verdict, VerdictId};

use crate::{Caller, Gateway, GatewayError, Route};

/// Everything that a decision depends on, so that equal questions have equal answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Asked {
    organization: OrganizationId,
    standing: Standing,
    footing: Footing,
    wanted: Wanted,
    terms: Digest,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Wanted {
    Call(Purpose),
    Train(Training),
}

impl Wanted {
    const fn in_policy(self) -> Use<'static> {
        match self {
            Self::Call(purpose @ Purpose::Serve) => Use::Infer { purpose },
            Self::Call(purpose @ Purpose::Collect) => Use::Collect { purpose },
            Self::Call(purpose @ Purpose::Evaluate) => Use::Evaluate {
                purpose,
                scores: Scores::Reported,
            },
            Self::Train(training) => Use::Train(training),
        }
    }
}

impl Gateway {
    /// Permits a call, or ends it with the verdict that forbids.
    pub(crate) async fn permit_call(&self, caller: &Caller, route: &Route) -> Result<Verdict, GatewayError> {
        let wanted = Wanted::Call(caller.key.purpose);
        let verdict = self
            .decide(&caller.organization, &route.terms, route.terms_digest, wanted)
            .await?;
        if verdict.permits() {
            Ok(verdict)
        } else {
            Err(GatewayError::Forbidden {
                verdict: Box::new(verdict),
            })
        }
    }

    /// Decides whether what was recorded under these terms may train a model. The verdict is recorded either way.
    pub async fn permit_training(
        &self,
        organization: &Organization,
        terms: &Terms,
        terms_digest: Digest,
        training: Training,
    ) -> Result<Verdict, GatewayError> {
        self.decide(organization, terms, terms_digest, Wanted::Train(training))
            .await
    }

    /// Decides whether answers recorded under these terms may be a reference that models are scored against.
    pub async fn permit_evaluation(
        &self,
        organization: &Organization,
        terms: &Terms,
        terms_digest: Digest,
    ) -> Result<Verdict, GatewayError> {
        self.decide(organization, terms, terms_digest, Wanted::Call(Purpose::Evaluate))
            .await
    }

    /// The row of a key as it stands now.
    ///
    /// # Errors
    /// `unknown_terms`.
    pub fn terms(&self, key: &TermsKey) -> Result<&Terms, GatewayError> {
        self.register
            .get(key)
            .ok_or_else(|| GatewayError::UnknownTerms { terms: key.clone() })
    }

    /// The row that was in force when an exchange was made, by its digest: later versions do not loosen it.
    pub fn terms_in_force(&self, digest: Digest) -> Result<Terms, GatewayError> {
        Ok(self.blobs.get(&digest)?)
    }

    async fn decide(
        &self,
        organization: &Organization,
        terms: &Terms,
        terms_digest: Digest,
        wanted: Wanted,
    ) -> Result<Verdict, GatewayError> {
        let footing = if terms.key.as_str() == OWN_MODELS {
            Footing::Own
        } else if self.has_accepted(organization.id, &terms.key, terms_digest) {
            Footing::Accepted
        } else {
            Footing::NotAccepted
        };
        let (id, standing) = (organization.id, organization.standing);
        let asked = Asked {
            organization: id,
            standing,
            footing,
            wanted,
            terms: terms_digest,
        };
        // Held while deciding: of two callers with the same question the second waits for the first one's verdict.
        let mut verdicts = self.verdicts.lock().await;
        if let Some(verdict) = verdicts.get(&asked) {
            return Ok(verdict.clone());
        }
        let request = UseRequest {
            organization: id,
            standing,
            footing,
            terms,
            wanted: wanted.in_policy(),
        };
        let ambient = self.ambient.as_ref();
        let verdict = self.permits.decide(&request, VerdictId::new(ambient), ambient.now())?;
        self.record_verdict(verdict.clone()).await?;
        verdicts.insert(asked, verdict.clone());
        Ok(verdict)
    }
}
