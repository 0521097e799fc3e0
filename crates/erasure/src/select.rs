//! Which exchanges are meant, and whether they may go.

use std::collections::HashSet;

use cultivar_gateway::Gateway;
use cultivar_record::{ConversationId, Exchange, ExchangeId, OrganizationId, Split, Timestamp};
use cultivar_store::{files, tables};
use serde::Deserialize;

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

/// A row of a dataset, as far as it says what it was made from.
#[derive(Deserialize)]
struct Made {
    exchanges: Vec<ExchangeId>,
}

/// Refuses what is under way, and what a sealed dataset holds: to say that its text is destroyed would not be true.
pub(crate) fn may_go(gateway: &Gateway, exchanges: &[Exchange]) -> Result<(), ErasureError> {
    if let Some(open) = exchanges.iter().find(|exchange| exchange.outcome.is_none()) {
        return Err(ErasureError::UnderWay {
            exchange: open.intent.id.to_string(),
        });
    }
    let ids: HashSet<ExchangeId> = exchanges.iter().map(|exchange| exchange.intent.id).collect();
    for stored in gateway.store().read(tables::dataset::list)? {
        let dataset = stored.dataset;
        let folder = gateway.dir().dataset(&dataset.name, dataset.version);
        for split in Split::ALL {
            let bytes = files::read_if_any(&folder.join(format!("{split}.jsonl")))?.unwrap_or_default();
            for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                // A row that cannot be read may be made from anything.
                let made: Made = serde_json::from_slice(line)
                    .map_err(|e| cultivar_store::StoreError::UnreadableRecord { reason: e.to_string() })?;
                if let Some(held) = made.exchanges.iter().find(|id| ids.contains(id)) {
                    return Err(ErasureError::InDataset {
                        exchange: held.to_string(),
                        dataset: format!("{}@{}", dataset.name, dataset.version),
                    });
                }
            }
        }
    }
    Ok(())
}
