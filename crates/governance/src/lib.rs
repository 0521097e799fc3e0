//! What people decide: which projects there are, who is a member and by which key, which evidence is there, that a model may be
//! offered in a market, that a contract waives facts of some terms. Every act is a row and a ledger entry, and the next request sees
//! it.
//!
//! It does not know how a signature is checked (`cultivar-attest`), what follows from it (`cultivar-gateway` at every attempt), or
//! where a person keeps the secret key.

mod approvals;
mod error;
mod evidence;
mod grants;
mod members;
mod projects;

use std::sync::Arc;

use cultivar_gateway::{Gateway, GatewayError, Offer};
use cultivar_record::{Member, OrganizationId};
use cultivar_store::{StoreError, tables};

pub use approvals::{
    ApprovalState, NewApproval, approval, approvals, draft_approval, sign_approval, withdraw_approval,
};
pub use error::GovernanceError;
pub use evidence::{HandedIn, evidence, set_evidence};
pub use grants::{GrantState, NewGrant, draft_grant, grant, grants, revoke_grant, sign_grant};
pub use members::{Replaced, put_member, register_key, remove_member};
pub use projects::{ProjectChange, project, put_project};

/// A signature as it is handed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandedSignature {
    /// The signer's public key.
    pub key: String,
    /// The signature, base64.
    pub signature: String,
}

/// The model of our own that is meant: by its name at the gateway, or by the version that answers (`name@version`); of several
/// providers the named one.
fn own_offer(gateway: &Gateway, model: &str, provider: Option<&str>) -> Result<Arc<Offer>, GovernanceError> {
    let providers = gateway.providers();
    let mut found: Vec<Arc<Offer>> = Vec::new();
    let mut is_known = false;
    for named in providers
        .iter()
        .filter(|known| known.model == model || known.provider_model == model)
    {
        is_known = true;
        let offers = gateway.offers_of(&named.model)?;
        let meant = offers.iter().find(|offer| offer.provider.id == named.id);
        let meant = meant.filter(|offer| offer.is_own() && provider.is_none_or(|name| name == named.name));
        found.extend(meant.cloned());
    }
    let is_same = |offer: &Arc<Offer>, first: &Arc<Offer>| {
        offer.subject == first.subject && offer.provider.model == first.provider.model
    };
    let model = model.to_owned();
    match found.split_first() {
        Some((first, rest)) if rest.iter().all(|offer| is_same(offer, first)) => Ok(Arc::clone(first)),
        Some(_) => Err(GovernanceError::Ambiguous {
            providers: found
                .iter()
                .map(|offer| format!("`{}`", offer.provider.name))
                .collect::<Vec<_>>()
                .join(", "),
            model,
        }),
        None if is_known => Err(GovernanceError::NotOwn { model }),
        None => Err(GatewayError::UnknownModel { model }.into()),
    }
}

fn members(gateway: &Gateway) -> Result<Vec<Member>, GovernanceError> {
    Ok(gateway.store().read(tables::member::list)?)
}

/// Checks that a name is that of a member who is there.
fn named_member(members: &[Member], organization: OrganizationId, name: &str) -> Result<(), GovernanceError> {
    let is_meant = |member: &&Member| member.organization == organization && member.name == name;
    match members.iter().find(is_meant) {
        Some(member) if member.removed_at.is_none() => Ok(()),
        _ => Err(not_found("member", name)),
    }
}

fn not_found(what: &'static str, name: &str) -> GovernanceError {
    let name = name.chars().take(100).collect();
    StoreError::NotFound { what, name }.into()
}
