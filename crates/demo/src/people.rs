//! What people decide in the demo: a grant lifts what terms forbid, an approval opens a market for the student, and each ends with its
//! withdrawal. The people's keys are made here and forgotten; outside a demo each lies with its person.

use cultivar_attest::{AttestError, SecretKey, Statement};
use cultivar_gateway::{Caller, Gateway};
use cultivar_governance::{
    GovernanceError, HandedIn, HandedSignature, NewApproval, NewGrant, Replaced, draft_approval, draft_grant, evidence,
    put_member, register_key, revoke_grant, set_evidence, sign_approval, sign_grant, withdraw_approval,
};
use cultivar_pipeline::{Context, Progress};
use cultivar_policy::{Commerce, Competition, Training};
use cultivar_record::{
    ApprovalId, Counts, Digest, DutyKind, FactName, Market, MemberRole, Organization, TermsKey, Timestamp, UseAction,
    Verdict, digest_of,
};

use crate::{CLOSED, CLOSED_TERMS};

/// A market that wants a model of one's own approved.
const MARKET: &str = "CN";
const ASKS: &str = "Ruth Example";
const SIGN: [(&str, MemberRole); 2] = [("Lee Example", MemberRole::Legal), ("Sam Example", MemberRole::Safety)];

/// The demo's people with keys, and what they tell.
struct People<'a> {
    gateway: &'a Gateway,
    organization: &'a Organization,
    progress: &'a dyn Progress,
}

/// Everything that people decide: a grant and its revocation, an approval of the model and its withdrawal.
///
/// # Errors
/// Why something that they decide is not taken.
pub async fn decide(context: &Context, caller: &Caller, model: &str) -> Result<(), GovernanceError> {
    let people = People {
        gateway: &context.gateway,
        organization: &context.organization,
        progress: context.progress.as_ref(),
    };
    let keys = people.members().await?;
    people.grant(&keys, CLOSED_TERMS, CLOSED).await?;
    people.approve(&keys, caller, model).await
}

impl People<'_> {
    /// The grant that lifts what terms forbid, and its revocation.
    async fn grant(&self, keys: &[SecretKey], terms: &str, model: &str) -> Result<(), GovernanceError> {
        self.progress
            .stage("grant: a contract waives what the closed terms forbid, for as long as it is in force");
        let key: TermsKey = terms.parse()?;
        self.may_train(&key, model).await?;
        let terms = self.gateway.terms(&key)?;
        let in_an_hour = Timestamp::from_micros(self.gateway.ambient().now().micros() + 3_600_000_000);
        let new = NewGrant {
            party: terms.party.clone(),
            clause: "4.2 of an invented contract".to_owned(),
            document: Digest::of_bytes(b"a stand-in for the contract"),
            waives: vec![FactName::TrainCompeting],
            terms: vec![key.clone()],
            models: vec![model.to_owned()],
            purposes: vec![UseAction::Train],
            markets: vec![self.organization.market.clone()],
            drafted_by: ASKS.to_owned(),
            expires_at: in_an_hour,
        };
        let statement = draft_grant(self.gateway, self.organization, new)?;
        for key in keys {
            let handed = handed(key, &statement)?;
            sign_grant(self.gateway, self.organization, statement.clone(), &handed).await?;
        }
        let [(first, _), (second, _)] = SIGN;
        self.progress.fact(&format!(
            "{first} and {second} sign that {} waives `train_competing` ({})",
            statement.party, statement.clause
        ));
        self.may_train(&key, model).await?;
        revoke_grant(self.gateway, self.organization, statement.id, ASKS).await?;
        self.progress.fact(&format!("{ASKS} revokes it"));
        self.may_train(&key, model).await
    }

    /// Whether what the closed model answered may train, and by which policy, clause or grant.
    async fn may_train(&self, key: &TermsKey, model: &str) -> Result<(), GovernanceError> {
        let terms = self.gateway.terms(key)?;
        let training = Training {
            competition: Competition::Competes,
            commerce: Commerce::Commercial,
            untraced: 0,
        };
        let under = (&terms, digest_of(&terms)?);
        let verdict = self
            .gateway
            .permit_training(self.organization, under, model, training)
            .await?;
        let grants: Vec<String> = verdict.grants.iter().map(|grant| format!(", grant {grant}")).collect();
        let clause = verdict.first_reason().and_then(|reason| reason.clause.clone());
        let clause = clause
            .filter(|_| !verdict.permits())
            .map(|clause| format!(" ({clause})"));
        self.progress.fact(&format!(
            "may `{model}` train a competing model? {}{}{}",
            words(&verdict),
            clause.unwrap_or_default(),
            grants.concat()
        ));
        Ok(())
    }

    /// The approval that opens a market, and its withdrawal that closes it.
    async fn approve(&self, keys: &[SecretKey], caller: &Caller, model: &str) -> Result<(), GovernanceError> {
        self.progress
            .stage("approve: people sign where the student may be offered, and withdraw it");
        let market: Market = MARKET.parse()?;
        let abroad = Caller {
            market: market.clone(),
            ..caller.clone()
        };
        self.tell(&abroad, model).await?;
        self.hand_in(model, &market).await?;
        let id = self.sign(keys, model, market).await?;
        self.tell(&abroad, model).await?;
        withdraw_approval(self.gateway, self.organization, id, ASKS).await?;
        self.progress.fact(&format!("{ASKS} withdraws approval {id}"));
        self.tell(&abroad, model).await
    }

    /// Whether the student may be asked from the market now, and by which policy.
    async fn tell(&self, caller: &Caller, model: &str) -> Result<(), GovernanceError> {
        for ruling in self.gateway.explain_route(caller, model).await? {
            let verdict = words(&ruling.verdict);
            self.progress
                .fact(&format!("`{model}` from {}: {verdict}", caller.market));
        }
        Ok(())
    }

    /// People with keys, made anew: who asks, and two who sign. What an interrupted demo left signed counts no longer.
    async fn members(&self) -> Result<Vec<SecretKey>, GovernanceError> {
        let (gateway, organization) = (self.gateway, self.organization.id);
        put_member(gateway, organization, ASKS, vec![MemberRole::Owner]).await?;
        let mut keys = Vec::new();
        for (name, role) in SIGN {
            let key = SecretKey::from_seed(&gateway.ambient().entropy());
            put_member(gateway, organization, name, vec![role]).await?;
            register_key(gateway, organization, name, &key.public(), Replaced::Lost).await?;
            keys.push(key);
        }
        Ok(keys)
    }

    /// Stand-ins for the evidence that the market asks for.
    async fn hand_in(&self, model: &str, market: &Market) -> Result<(), GovernanceError> {
        let there = evidence(self.gateway, (model, None), market)?;
        let items: Vec<HandedIn> = there
            .checklist
            .items
            .iter()
            .map(|item| HandedIn {
                key: item.key.clone(),
                document: Digest::of_bytes(format!("a stand-in for {}", item.key).as_bytes()),
                counts: item.counts().then(|| {
                    let asked = item.asked_at_least.unwrap_or(1_000);
                    let percent = item.at_most_percent.or(item.at_least_percent).unwrap_or(100);
                    Counts {
                        asked,
                        counted: (asked * percent).div_ceil(100),
                    }
                }),
            })
            .collect();
        let count = items.len();
        set_evidence(self.gateway, self.organization, (model, None), market, ASKS, items).await?;
        self.progress.fact(&format!(
            "stand-ins for the {count} pieces of evidence that {market} asks for are handed in"
        ));
        Ok(())
    }

    async fn sign(&self, keys: &[SecretKey], model: &str, market: Market) -> Result<ApprovalId, GovernanceError> {
        let new = NewApproval {
            model: model.to_owned(),
            provider: None,
            market,
            requested_by: ASKS.to_owned(),
            expires_at: None,
            competition: Competition::Competes,
            commerce: Commerce::Commercial,
            fulfils: vec![DutyKind::Attribution, DutyKind::FlowDown],
        };
        let statement = draft_approval(self.gateway, self.organization, new)?;
        for (key, (name, role)) in keys.iter().zip(SIGN) {
            let handed = handed(key, &statement)?;
            let state = sign_approval(self.gateway, self.organization, statement.clone(), &handed).await?;
            let missing: Vec<String> = state.standing.faults.iter().map(ToString::to_string).collect();
            let missing = if missing.is_empty() {
                "the market is open".to_owned()
            } else {
                missing.join(", ")
            };
            self.progress.fact(&format!("{name} ({role}) signs: {missing}"));
        }
        Ok(statement.id)
    }
}

fn handed<S: Statement>(key: &SecretKey, statement: &S) -> Result<HandedSignature, AttestError> {
    Ok(HandedSignature {
        key: key.public(),
        signature: key.sign(statement)?,
    })
}

fn words(verdict: &Verdict) -> String {
    let decision = if verdict.permits() { "permit" } else { "forbid" };
    let policy = verdict.first_reason().map_or("", |reason| &reason.policy);
    format!("{decision} by `{policy}`")
}
