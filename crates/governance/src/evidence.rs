//! Evidence for a model in a market: handed in item by item, each by the digest of its file. Handing in another file voids what was
//! signed over the one before.

use cultivar_attest::{ChecklistItem, Source};
use cultivar_gateway::{Act, EvidenceThere, Gateway};
use cultivar_record::{Counts, Digest, EntryKind, Evidence, EvidenceItem, Market, Organization};
use cultivar_store::tables;

use crate::{GovernanceError, members, named_member, own_offer};

/// An item as it is handed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandedIn {
    /// Which one.
    pub key: String,
    /// Digest of its file.
    pub document: Digest,
    /// What the file counts, where it does.
    pub counts: Option<Counts>,
}

/// The evidence for a model of our own in a market, and what is missing.
///
/// # Errors
/// `model_not_found`, `governance::not_own`, `governance::ambiguous`.
pub fn evidence(
    gateway: &Gateway,
    (model, provider): (&str, Option<&str>),
    market: &Market,
) -> Result<EvidenceThere, GovernanceError> {
    let offer = own_offer(gateway, model, provider)?;
    Ok(gateway.evidence(&offer, market)?)
}

/// Hands in items; those that were there under the same keys are replaced.
///
/// # Errors
/// As [`evidence`]; `governance::unknown_item`, `governance::no_counts`, `store::not_found` where the member is none.
pub async fn set_evidence(
    gateway: &Gateway,
    organization: &Organization,
    (model, provider): (&str, Option<&str>),
    market: &Market,
    by: &str,
    handed: Vec<HandedIn>,
) -> Result<EvidenceThere, GovernanceError> {
    let _alone = gateway.people().await;
    named_member(&members(gateway)?, organization.id, by)?;
    let offer = own_offer(gateway, model, provider)?;
    let there = gateway.evidence(&offer, market)?;
    let mut items = there.items;
    for new in handed {
        check(&there.checklist.items, market, &new)?;
        items.retain(|item| item.key != new.key);
        items.push(EvidenceItem {
            key: new.key,
            document: new.document,
            counts: new.counts,
            by: by.to_owned(),
            at: gateway.ambient().now(),
        });
    }
    items.sort_by(|one, other| one.key.cmp(&other.key));
    let evidence = Evidence {
        organization: organization.id,
        subject: offer.subject,
        market: market.clone(),
        items,
    };
    let subject = format!("{}/{market}", offer.subject);
    let act = Act::new(EntryKind::EvidenceCollected, organization.id, subject).with("subject", offer.subject);
    let write = |tx: &mut dyn cultivar_store::Statements, row: &Evidence| tables::evidence::put(tx, row).map(|()| true);
    gateway.act(act, evidence, write).await?;
    gateway.refresh_signed()?;
    Ok(gateway.evidence(&offer, market)?)
}

fn check(items: &[ChecklistItem], market: &Market, new: &HandedIn) -> Result<(), GovernanceError> {
    let to_hand_in: Vec<&ChecklistItem> = items.iter().filter(|item| item.from == Source::File).collect();
    let Some(item) = to_hand_in.iter().find(|item| item.key == new.key) else {
        let known: Vec<String> = to_hand_in.iter().map(|item| format!("`{}`", item.key)).collect();
        return Err(GovernanceError::UnknownItem {
            market: market.to_string(),
            key: new.key.clone(),
            known: known.join(", "),
        });
    };
    let is_sound = |counts: &Counts| counts.asked > 0 && counts.counted <= counts.asked;
    if item.counts() && !new.counts.as_ref().is_some_and(is_sound) {
        let key = new.key.clone();
        return Err(GovernanceError::NoCounts { key });
    }
    Ok(())
}
