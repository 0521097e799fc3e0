//! Grants: contracts that waive facts of terms. Drafted without a trace, recorded with the first signature, in force with the
//! second, and until they expire or are revoked.

use cultivar_attest::{AttestError, Standing, grant_standing, take_signature};
use cultivar_gateway::{Act, Gateway};
use cultivar_record::{
    Digest, EntryKind, FactName, Grant, GrantId, GrantStatement, Market, Organization, TermsKey, Timestamp, UseAction,
    Withdrawal, digest_of,
};
use cultivar_store::tables;

use crate::{GovernanceError, HandedSignature, members, named_member, not_found};

const VERSION: u32 = 1;

/// What is needed to draft a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewGrant {
    /// Who grants, as the register names the party of the terms.
    pub party: String,
    /// The clause of the contract.
    pub clause: String,
    /// Digest of the contract's file.
    pub document: Digest,
    /// The facts that it waives.
    pub waives: Vec<FactName>,
    /// The rows of terms.
    pub terms: Vec<TermsKey>,
    /// The party's models.
    pub models: Vec<String>,
    /// For which uses.
    pub purposes: Vec<UseAction>,
    /// For which markets.
    pub markets: Vec<Market>,
    /// Which member wrote it down.
    pub drafted_by: String,
    /// Until when the contract runs.
    pub expires_at: Timestamp,
}

/// A grant and how it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantState {
    /// The grant.
    pub grant: Grant,
    /// Whether it is in force, and why not.
    pub standing: Standing,
}

/// The statement for people to sign. Nothing is recorded.
///
/// # Errors
/// `governance::grant_incomplete`, `unknown_terms`, `governance::other_party`, `store::not_found` where the member is none,
/// `governance::expiry`.
pub fn draft_grant(
    gateway: &Gateway,
    organization: &Organization,
    new: NewGrant,
) -> Result<GrantStatement, GovernanceError> {
    named_member(&members(gateway)?, organization.id, &new.drafted_by)?;
    let now = gateway.ambient().now();
    let statement = GrantStatement {
        v: VERSION,
        id: GrantId::new(gateway.ambient()),
        organization: organization.id,
        party: new.party,
        clause: new.clause,
        document: new.document,
        waives: new.waives,
        terms: new.terms,
        models: new.models,
        purposes: new.purposes,
        markets: new.markets,
        drafted_by: new.drafted_by,
        drafted_at: now,
        expires_at: new.expires_at,
    };
    if statement.expires_at <= now {
        return Err(GovernanceError::Expiry);
    }
    makes_sense(gateway, &statement)?;
    Ok(statement)
}

/// Takes a person's signature. With the second one, the next decision about these terms reads the waived facts as `yes`.
///
/// # Errors
/// Why the signature or the statement does not count (`attest::…`), as in [`draft_grant`].
pub async fn sign_grant(
    gateway: &Gateway,
    organization: &Organization,
    statement: GrantStatement,
    handed: &HandedSignature,
) -> Result<GrantState, GovernanceError> {
    let _alone = gateway.people().await;
    let (now, members) = (gateway.ambient().now(), members(gateway)?);
    if statement.organization != organization.id {
        let reason = "another organisation stands in it";
        return Err(AttestError::ForeignStatement { reason }.into());
    }
    makes_sense(gateway, &statement)?;
    let known = gateway.store().read(|tx| tables::grant::by_id(tx, statement.id))?;
    let mut grant = known.unwrap_or_else(|| Grant {
        statement: statement.clone(),
        signatures: Vec::new(),
        revoked: None,
    });
    if grant.statement != statement {
        let id = statement.id.to_string();
        return Err(AttestError::OtherStatement { id }.into());
    }
    let before = grant_standing(&grant, &members, now);
    if let Some(void) = before.faults.iter().find(|fault| is_void(fault)) {
        return Err(void.clone().into());
    }
    let given = (handed.key.as_str(), handed.signature.as_str());
    let signature = take_signature(&statement, &grant.signatures, &members, given, now)?;
    grant.signatures.push(signature);
    let act = Act::new(EntryKind::GrantSigned, organization.id, statement.id)
        .with("document", statement.document)
        .with("statement", digest_of(&statement)?);
    put(gateway, act, &grant).await?;
    let standing = grant_standing(&grant, &members, now);
    Ok(GrantState { grant, standing })
}

/// Revokes a grant, for good. The next decision forbids again what stood on it.
///
/// # Errors
/// `store::not_found`.
pub async fn revoke_grant(
    gateway: &Gateway,
    organization: &Organization,
    id: GrantId,
    by: &str,
) -> Result<GrantState, GovernanceError> {
    let _alone = gateway.people().await;
    let known = gateway.store().read(|tx| tables::grant::by_id(tx, id))?;
    let mut grant = known.ok_or_else(|| not_found("grant", &id.to_string()))?;
    if grant.revoked.is_none() {
        let (at, by) = (gateway.ambient().now(), by.to_owned());
        grant.revoked = Some(Withdrawal { at, by });
        let act = Act::new(EntryKind::GrantRevoked, organization.id, id).with("document", grant.statement.document);
        put(gateway, act, &grant).await?;
    }
    state(gateway, grant)
}

/// Every grant and how it stands, oldest first.
pub fn grants(gateway: &Gateway) -> Result<Vec<GrantState>, GovernanceError> {
    let all = gateway.store().read(tables::grant::list)?;
    all.into_iter().map(|grant| state(gateway, grant)).collect()
}

/// One grant and how it stands.
///
/// # Errors
/// `store::not_found`.
pub fn grant(gateway: &Gateway, id: GrantId) -> Result<GrantState, GovernanceError> {
    let known = gateway.store().read(|tx| tables::grant::by_id(tx, id))?;
    state(gateway, known.ok_or_else(|| not_found("grant", &id.to_string()))?)
}

fn state(gateway: &Gateway, grant: Grant) -> Result<GrantState, GovernanceError> {
    let standing = grant_standing(&grant, &members(gateway)?, gateway.ambient().now());
    Ok(GrantState { grant, standing })
}

async fn put(gateway: &Gateway, act: Act, grant: &Grant) -> Result<(), GovernanceError> {
    let write = |tx: &mut dyn cultivar_store::Statements, row: &Grant| tables::grant::put(tx, row).map(|()| true);
    gateway.act(act, grant.clone(), write).await?;
    Ok(gateway.refresh_signed()?)
}

/// Whether a fault is one that no further signature mends.
const fn is_void(fault: &AttestError) -> bool {
    matches!(
        fault,
        AttestError::Withdrawn { .. } | AttestError::Expired { .. } | AttestError::ForeignStatement { .. }
    )
}

/// Whether the statement names something of everything, and the terms are its party's.
fn makes_sense(gateway: &Gateway, statement: &GrantStatement) -> Result<(), GovernanceError> {
    let named = [
        ("fact that it waives", statement.waives.is_empty()),
        ("row of terms", statement.terms.is_empty()),
        ("model", statement.models.is_empty()),
        ("purpose", statement.purposes.is_empty()),
        ("market", statement.markets.is_empty()),
    ];
    if let Some((what, _)) = named.into_iter().find(|(_, is_empty)| *is_empty) {
        return Err(GovernanceError::GrantIncomplete { what });
    }
    for key in &statement.terms {
        let found = &gateway.terms(key)?.party;
        if *found != statement.party {
            let (terms, found, party) = (key.clone(), found.clone(), statement.party.clone());
            return Err(GovernanceError::OtherParty { terms, found, party });
        }
    }
    Ok(())
}
