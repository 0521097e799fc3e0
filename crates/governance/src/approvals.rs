//! Approvals: a model of our own may be offered in a market. A statement is drafted without a trace; with its first signature it is
//! recorded, with the last one that is needed the model is released, and withdrawn it opens nothing.

use std::collections::BTreeSet;

use cultivar_attest::{AttestError, Standing, take_signature};
use cultivar_gateway::{Act, Gateway, GatewayError};
use cultivar_policy::{Commerce, Competition, Demand, DutiesMet, Release, Training, duties};
use cultivar_record::{
    Approval, ApprovalId, ApprovalStatement, Digest, DutyKind, EntryKind, Market, Organization, Pedigree, Terms,
    Timestamp, Withdrawal, digest_of,
};
use cultivar_store::tables;

use crate::{GovernanceError, HandedSignature, members, named_member, not_found, own_offer};

const VERSION: u32 = 1;
const MICROS_PER_DAY: i64 = 24 * 60 * 60 * 1_000_000;

/// What is needed to draft a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewApproval {
    /// The model, by its name at the gateway or by the version that answers.
    pub model: String,
    /// The provider, where several answer under the name.
    pub provider: Option<String>,
    /// Where it is to be offered.
    pub market: Market,
    /// Which member asks.
    pub requested_by: String,
    /// Until when; as long as the market's rule lets it where no time is named.
    pub expires_at: Option<Timestamp>,
    /// What the signers find about competition.
    pub competition: Competition,
    /// What it is for.
    pub commerce: Commerce,
    /// What the terms of its ancestors ask for and the signers find to be done.
    pub fulfils: Vec<DutyKind>,
}

/// An approval and how it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApprovalState {
    /// The approval.
    pub approval: Approval,
    /// Whether it opens the market, and why not.
    pub standing: Standing,
}

/// The statement for people to sign, about everything as it stands now. Nothing is recorded.
///
/// # Errors
/// `model_not_found`, `governance::not_own`, `governance::ambiguous`, `store::not_found` where the member is none,
/// `governance::expiry`.
pub fn draft_approval(
    gateway: &Gateway,
    organization: &Organization,
    new: NewApproval,
) -> Result<ApprovalStatement, GovernanceError> {
    let offer = own_offer(gateway, &new.model, new.provider.as_deref())?;
    named_member(&members(gateway)?, organization.id, &new.requested_by)?;
    let now = gateway.ambient().now();
    let longest = i64::from(gateway.markets().quorum(&new.market).longest_days).saturating_mul(MICROS_PER_DAY);
    let latest = Timestamp::from_micros(now.micros().saturating_add(longest));
    let expires_at = new.expires_at.unwrap_or(latest);
    if expires_at <= now {
        return Err(GovernanceError::Expiry);
    }
    Ok(ApprovalStatement {
        v: VERSION,
        id: ApprovalId::new(gateway.ambient()),
        organization: organization.id,
        model: offer.provider.model.clone(),
        subject: offer.subject,
        evidence: gateway.evidence(&offer, &new.market)?.collected.digest,
        market: new.market,
        policies: gateway.permits().digest(),
        competes: new.competition == Competition::Competes,
        commercial: new.commerce == Commerce::Commercial,
        fulfils: new.fulfils,
        requested_by: new.requested_by,
        requested_at: now,
        expires_at,
    })
}

/// Takes a person's signature. Routing sees it at once; with the signature that completes the quorum, the policies are asked about
/// the release, once for each row of terms that binds the model, and where one of them forbids nothing is recorded.
///
/// # Errors
/// Why the signature or the statement does not count (`attest::…`); the verdict that forbids the release.
pub async fn sign_approval(
    gateway: &Gateway,
    organization: &Organization,
    statement: ApprovalStatement,
    handed: &HandedSignature,
) -> Result<ApprovalState, GovernanceError> {
    let _alone = gateway.people().await;
    let (now, members) = (gateway.ambient().now(), members(gateway)?);
    ours(&statement, organization, now)?;
    let known = gateway.store().read(|tx| tables::approval::by_id(tx, statement.id))?;
    let mut approval = known.unwrap_or_else(|| Approval {
        statement: statement.clone(),
        signatures: Vec::new(),
        withdrawn: None,
    });
    if approval.statement != statement {
        let id = statement.id.to_string();
        return Err(AttestError::OtherStatement { id }.into());
    }
    let before = gateway.approval_standing(&approval, &members, now)?;
    if let Some(void) = before.faults.iter().find(|fault| is_void(fault)) {
        return Err(void.clone().into());
    }
    let given = (handed.key.as_str(), handed.signature.as_str());
    let signature = take_signature(&statement, &approval.signatures, &members, given, now)?;
    named_member(&members, organization.id, &statement.requested_by)?;
    approval.signatures.push(signature);
    let standing = gateway.approval_standing(&approval, &members, now)?;
    let releases = standing.holds() && !before.holds();
    if releases {
        may_release(gateway, &statement, &standing).await?;
    }
    let act = Act::new(EntryKind::ApprovalGranted, organization.id, statement.id)
        .with("subject", statement.subject)
        .with("evidence", statement.evidence)
        .with("policies", statement.policies)
        .with("statement", digest_of(&statement)?)
        .and(releases.then_some(EntryKind::Released));
    put(gateway, act, &approval).await?;
    Ok(ApprovalState { approval, standing })
}

/// Withdraws an approval, for good. Closing needs no quorum and no signature: whoever runs the door may do it, and says who decided.
///
/// # Errors
/// `store::not_found`.
pub async fn withdraw_approval(
    gateway: &Gateway,
    organization: &Organization,
    id: ApprovalId,
    by: &str,
) -> Result<ApprovalState, GovernanceError> {
    let _alone = gateway.people().await;
    let known = gateway.store().read(|tx| tables::approval::by_id(tx, id))?;
    let mut approval = known.ok_or_else(|| not_found("approval", &id.to_string()))?;
    if approval.withdrawn.is_none() {
        let (at, by) = (gateway.ambient().now(), by.to_owned());
        approval.withdrawn = Some(Withdrawal { at, by });
        let act = Act::new(EntryKind::ApprovalRevoked, organization.id, id).with("subject", approval.statement.subject);
        put(gateway, act, &approval).await?;
    }
    state(gateway, approval)
}

/// Every approval and how it stands, oldest first.
pub fn approvals(gateway: &Gateway) -> Result<Vec<ApprovalState>, GovernanceError> {
    let all = gateway.store().read(tables::approval::list)?;
    all.into_iter().map(|approval| state(gateway, approval)).collect()
}

/// One approval and how it stands.
///
/// # Errors
/// `store::not_found`.
pub fn approval(gateway: &Gateway, id: ApprovalId) -> Result<ApprovalState, GovernanceError> {
    let known = gateway.store().read(|tx| tables::approval::by_id(tx, id))?;
    state(gateway, known.ok_or_else(|| not_found("approval", &id.to_string()))?)
}

fn state(gateway: &Gateway, approval: Approval) -> Result<ApprovalState, GovernanceError> {
    let (now, members) = (gateway.ambient().now(), members(gateway)?);
    let standing = gateway.approval_standing(&approval, &members, now)?;
    Ok(ApprovalState { approval, standing })
}

async fn put(gateway: &Gateway, act: Act, approval: &Approval) -> Result<(), GovernanceError> {
    let write = |tx: &mut dyn cultivar_store::Statements, row: &Approval| tables::approval::put(tx, row).map(|()| true);
    gateway.act(act, approval.clone(), write).await?;
    Ok(gateway.refresh_signed()?)
}

/// Whether the statement is one of this organisation, asked for in the past.
fn ours(statement: &ApprovalStatement, organization: &Organization, now: Timestamp) -> Result<(), AttestError> {
    let reason = if statement.organization != organization.id {
        "another organisation stands in it"
    } else if statement.requested_at > now {
        "it was asked for in the future"
    } else {
        return Ok(());
    };
    Err(AttestError::ForeignStatement { reason })
}

/// Whether a fault is one that no further signature mends.
const fn is_void(fault: &AttestError) -> bool {
    matches!(
        fault,
        AttestError::Withdrawn { .. }
            | AttestError::Expired { .. }
            | AttestError::TooLong { .. }
            | AttestError::ForeignStatement { .. }
            | AttestError::SubjectChanged
            | AttestError::PoliciesChanged
            | AttestError::EvidenceChanged
            | AttestError::EvidenceMissing { .. }
            | AttestError::EvidenceInsufficient { .. }
    )
}

/// Asks the policies about the release, once for each row of terms and model that the weights learned from.
async fn may_release(
    gateway: &Gateway,
    statement: &ApprovalStatement,
    standing: &Standing,
) -> Result<(), GovernanceError> {
    let offer = own_offer(gateway, &statement.model, None).ok();
    let offers = gateway.offers_of(&statement.model)?;
    let offer = offers
        .iter()
        .find(|offer| offer.subject == statement.subject)
        .or(offer.as_ref());
    let no_pedigree = || GovernanceError::NoPedigree {
        model: statement.model.clone(),
    };
    let pedigree = offer.and_then(|offer| offer.pedigree.clone()).ok_or_else(no_pedigree)?;
    let owner = pedigree.organization;
    let owner = gateway.store().read(|tx| tables::organization::get(tx, owner))?;
    let training = Training {
        competition: if statement.competes {
            Competition::Competes
        } else {
            Competition::FoundNotToCompete
        },
        commerce: if statement.commercial {
            Commerce::Commercial
        } else {
            Commerce::Noncommercial
        },
        untraced: 0,
    };
    let approvers: BTreeSet<String> = standing.signers.iter().cloned().collect();
    let quorum = gateway.markets().quorum(&statement.market);
    for (digest, model) in learned_from(&pedigree) {
        let terms = gateway.terms_in_force(digest)?;
        // Whose signatures count, their roles and the evidence were looked at before: this is asked only where they suffice.
        let release = Release {
            training,
            requester: &statement.requested_by,
            approvers: &approvers,
            quorum: u64::try_from(quorum.people).unwrap_or(u64::MAX),
            roles: Demand::Met,
            evidence: Demand::Met,
            duties: duties_met(&terms, &statement.fulfils),
        };
        let verdict = gateway
            .permit_release(&owner, &terms, &model, &statement.market, release)
            .await?;
        if !verdict.permits() {
            let verdict = std::sync::Arc::new(verdict);
            return Err(GatewayError::Forbidden { verdict }.into());
        }
    }
    Ok(())
}

/// The terms, and the model under them, of everything that the weights learned from.
fn learned_from(pedigree: &Pedigree) -> BTreeSet<(Digest, String)> {
    let sets = pedigree.datasets.iter().flat_map(|dataset| &dataset.exchange_sets);
    sets.map(|set| (set.terms_digest, set.provider_model.clone())).collect()
}

/// What is owed under terms: a duty is met where they do not ask for it, or the signers find that it is done. The label that a market
/// demands is a piece of its evidence.
fn duties_met(terms: &Terms, fulfils: &[DutyKind]) -> DutiesMet {
    let owed = duties([terms]).duties;
    let met = |kind: DutyKind| {
        if fulfils.contains(&kind) || owed.iter().all(|duty| duty.owed.kind() != Some(kind)) {
            Demand::Met
        } else {
            Demand::Unmet
        }
    };
    DutiesMet {
        attribution: met(DutyKind::Attribution),
        flow_down: met(DutyKind::FlowDown),
        share_alike: met(DutyKind::ShareAlike),
        caps: met(DutyKind::Caps),
        label: Demand::Met,
    }
}
