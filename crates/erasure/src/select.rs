//! Which exchanges are meant, and whether they may go.

use std::collections::HashSet;

use cultivar_gateway::Gateway;
use cultivar_record::{ConversationId, Exchange, ExchangeId, OrganizationId, Timestamp};
use cultivar_store::tables;

use crate::{ErasureError, PAGE};

/// Which exchanges are meant: by id, or all that fit what is named beside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// These.
    These(Vec<ExchangeId>),
    /// Those of a conversation.
    Conversation(ConversationId),
    /// Those of an organisation, all or those that began before a moment.
    Organization(OrganizationId, Option<Timestamp>),
}

impl Selection {
    fn fits(&self, exchange: &Exchange) -> bool {
        let intent = &exchange.intent;
        match self {
            Self::These(ids) => ids.contains(&intent.id),
            Self::Conversation(conversation) => intent.conversation == Some(*conversation),
            Self::Organization(organization, before) => {
                intent.organization == *organization && before.is_none_or(|before| intent.at < before)
            }
        }
    }
}

pub(crate) fn select(gateway: &Gateway, selection: &Selection) -> Result<Vec<Exchange>, ErasureError> {
    let store = gateway.store();
    if let Selection::These(ids) = selection {
        let ids: HashSet<ExchangeId> = ids.iter().copied().collect();
        let found = ids.iter().map(|id| store.read(|tx| tables::exchange::get(tx, *id)));
        return Ok(found.collect::<Result<_, _>>()?);
    }
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = store.read(|tx| tables::exchange::page(tx, after, PAGE))?;
        let Some(last) = page.last() else { return Ok(found) };
        after = Some(last.intent.id);
        found.extend(page.into_iter().filter(|exchange| selection.fits(exchange)));
    }
}

/// Refuses what is under way.
pub(crate) fn may_go(exchanges: &[Exchange]) -> Result<(), ErasureError> {
    match exchanges.iter().find(|exchange| exchange.outcome.is_none()) {
        None => Ok(()),
        Some(open) => Err(ErasureError::UnderWay {
            exchange: open.intent.id.to_string(),
        }),
    }
}
