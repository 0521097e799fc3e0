//! Erasure: what was said in an exchange is destroyed, and the salts of its commitments; what the ledger holds stays, and proves
//! as before. Rows of sealed datasets go as well, and what descends from them is marked. The page is [`erase`].
//!
//! The order is what makes it safe to be killed: the order to erase is written first, then everything is destroyed, and only then
//! does the ledger say so. What was broken off is finished before anything else is erased.
//!
//! It does not know how bodies lie in packs or rows in pages (`cultivar-store`), or who may order an erasure.

mod derived;
mod error;
mod select;

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Mutex, PoisonError},
};

use cultivar_gateway::Gateway;
use cultivar_record::{
    Digest, EntryKind, ErasedExchange, Erasure, ErasureId, ErasureReason, Exchange, ExchangeId, ExchangeOutcome,
    LeafIndex, LedgerEntry, OrganizationId, Salt,
};
use cultivar_store::tables;

pub use error::ErasureError;
pub use select::Selection;

/// Exchanges read from the database at a time.
const PAGE: u32 = 1_000;
/// One erasure at a time: two would each think the other's unfinished.
static ERASING: Mutex<()> = Mutex::new(());

/// What is ordered.
#[derive(Clone, Debug)]
pub struct Order {
    /// Which exchanges.
    pub selection: Selection,
    /// Why, as a class.
    pub reason: ErasureReason,
    /// The legal basis, in words: its digest alone is kept.
    pub basis: String,
    /// Who decided it.
    pub by: String,
}

/// An erasure that is finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// What was erased.
    pub erasure: Erasure,
    /// Where the ledger says so.
    pub leaf: LeafIndex,
}

/// Erases exchanges, one erasure for each organisation that has some of them. Returns those, and before them what an erasure
/// that was broken off had left to do. Blocks.
///
/// # Errors
/// `erasure::nothing`, `erasure::already`, `erasure::under_way`: nothing was erased. What the store says:
/// run it again, it goes on.
pub fn erase(gateway: &Gateway, order: &Order) -> Result<Vec<Finished>, ErasureError> {
    let _erasing = ERASING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut finished = finish_all(gateway)?;
    let meant = select::select(gateway, &order.selection)?;
    let (erased, fresh): (Vec<_>, Vec<_>) = meant.into_iter().partition(is_erased);
    if fresh.is_empty() {
        // What was broken off may have been this very order.
        return match erased.first() {
            _ if !finished.is_empty() => Ok(finished),
            None => Err(ErasureError::Nothing),
            Some(first) => Err(ErasureError::Already {
                count: erased.len(),
                first: first.intent.id.to_string(),
            }),
        };
    }
    select::may_go(&fresh)?;
    begin(gateway, order, fresh)?;
    finished.extend(finish_all(gateway)?);
    Ok(finished)
}

/// Finishes what was begun and broken off; returns it. Blocks.
///
/// # Errors
/// What the store says.
pub fn resume(gateway: &Gateway) -> Result<Vec<Finished>, ErasureError> {
    let _erasing = ERASING.lock().unwrap_or_else(PoisonError::into_inner);
    finish_all(gateway)
}

/// Writes down what is going to be erased.
fn begin(gateway: &Gateway, order: &Order, exchanges: Vec<Exchange>) -> Result<(), ErasureError> {
    let mut by_organization: BTreeMap<OrganizationId, Vec<ErasedExchange>> = BTreeMap::new();
    for exchange in exchanges {
        let row = ErasedExchange {
            exchange: exchange.intent.id,
            intent_leaf: exchange.intent_leaf,
            outcome_leaf: exchange.outcome_leaf,
        };
        by_organization
            .entry(exchange.intent.organization)
            .or_default()
            .push(row);
    }
    let ambient = gateway.ambient();
    let erasures: Vec<Erasure> = by_organization
        .into_iter()
        .map(|(organization, exchanges)| Erasure {
            id: ErasureId::new(ambient),
            organization,
            exchanges,
            reason: order.reason,
            basis: Digest::of_bytes(order.basis.as_bytes()),
            by: order.by.clone(),
            at: ambient.now(),
            datasets: Vec::new(),
            models: Vec::new(),
        })
        .collect();
    gateway.store().write_blocking(move |tx| {
        erasures
            .iter()
            .try_for_each(|erasure| tables::erasure::begin(tx, erasure))
    })?;
    Ok(())
}

fn finish_all(gateway: &Gateway) -> Result<Vec<Finished>, ErasureError> {
    let all = gateway.store().read(tables::erasure::list)?;
    let begun = all.into_iter().filter(|(_, leaf)| leaf.is_none());
    begun.map(|(erasure, _)| finish(gateway, erasure)).collect()
}

/// Destroys, then says so.
fn finish(gateway: &Gateway, mut erasure: Erasure) -> Result<Finished, ErasureError> {
    gateway.journal().settle();
    erasure.datasets = derived::take_rows(gateway, &erasure)?;
    erasure.models = derived::learned(gateway, &erasure.datasets)?;
    destroy_bodies(gateway, &erasure)?;
    empty_rows(gateway, &erasure)?;
    gateway.journal().scrub()?;
    gateway.store().compact()?;
    let leaf = say_so(gateway, &erasure)?;
    Ok(Finished { erasure, leaf })
}

fn destroy_bodies(gateway: &Gateway, erasure: &Erasure) -> Result<(), ErasureError> {
    let ids: HashSet<ExchangeId> = erasure.exchanges.iter().map(|row| row.exchange).collect();
    let blobs = gateway.blobs();
    // Asked for before settling rests, since it waits for that.
    let store = gateway.store();
    gateway.journal().paused(|| {
        let (mut erased, mut kept, mut after) = (HashSet::new(), HashSet::new(), None);
        loop {
            let page = store.read(|tx| tables::exchange::page(tx, after, PAGE))?;
            let Some(last) = page.last() else { break };
            after = Some(last.intent.id);
            for exchange in page.iter().filter(|exchange| !is_erased(exchange)) {
                let answer = exchange.outcome.as_ref().and_then(ExchangeOutcome::answer);
                let digests = [Some(exchange.intent.request), answer].into_iter().flatten();
                if ids.contains(&exchange.intent.id) {
                    erased.extend(digests);
                } else {
                    kept.extend(digests);
                }
            }
        }
        blobs.erase(&erased, &kept)?;
        Ok(())
    })
}

/// What stays of a row: who asked which model under which terms, when, and what it cost. Digests of what was said are as good as
/// the text where the text is short, so they go too.
fn empty_rows(gateway: &Gateway, erasure: &Erasure) -> Result<(), ErasureError> {
    let (id, exchanges) = (erasure.id, erasure.exchanges.clone());
    gateway.store().write_blocking(move |tx| {
        for row in exchanges {
            let exchange = tables::exchange::get(tx, row.exchange)?;
            let mut intent = exchange.intent;
            intent.request = Digest::from_raw([0; 32]);
            intent.conversation = None;
            let (usage, cost) = exchange.outcome.as_ref().map(ExchangeOutcome::bill).unwrap_or_default();
            let outcome = ExchangeOutcome::Erased {
                usage,
                cost,
                erasure: id,
            };
            tables::exchange::erase(tx, &intent, &outcome)?;
        }
        Ok(())
    })?;
    Ok(())
}

fn say_so(gateway: &Gateway, erasure: &Erasure) -> Result<LeafIndex, ErasureError> {
    let ambient = gateway.ambient();
    let salt = Salt::new(ambient);
    let kind = EntryKind::Erased;
    let entry = LedgerEntry::new(kind, erasure.organization, erasure.id, salt, erasure, ambient.now())?;
    let (entry, erasure) = (entry.with("basis", erasure.basis), erasure.clone());
    let markets = gateway.checklists().after_erasure();
    let leaf = gateway.store().write_blocking(move |tx| {
        let leaf = tables::ledger::append_with_salt(tx, &entry, salt)?;
        derived::mark(tx, &erasure, &markets)?;
        tables::erasure::finish(tx, &erasure, leaf)?;
        Ok(leaf)
    })?;
    gateway.refresh_signed()?;
    Ok(leaf)
}

fn is_erased(exchange: &Exchange) -> bool {
    exchange.outcome.as_ref().is_some_and(ExchangeOutcome::is_erased)
}
