//! Comparisons: a plan first, results later.

use cultivar_record::{Comparison, ComparisonId, ComparisonPlan, Digest, LeafIndex};

use super::record_value;
use crate::{Row, Statements, StoreError};

/// Adds a plan whose ledger entry has this leaf.
pub fn insert_plan(tx: &mut dyn Statements, plan: &ComparisonPlan, leaf: LeafIndex) -> Result<(), StoreError> {
    let values = [plan.id.to_string().into(), record_value(plan)?, leaf.0.into()];
    tx.execute(
        "INSERT INTO comparison (id, plan, plan_leaf) VALUES ($1, $2, $3)",
        &values,
    )?;
    Ok(())
}

/// Adds the results to their plan.
pub fn insert_results(tx: &mut dyn Statements, comparison: &Comparison) -> Result<(), StoreError> {
    let id: ComparisonId = comparison.plan.id;
    let values = [record_value(comparison)?, id.to_string().into()];
    let changed = tx.execute(
        "UPDATE comparison SET record = $1 WHERE id = $2 AND record IS NULL",
        &values,
    )?;
    if changed == 1 {
        Ok(())
    } else {
        Err(StoreError::NotFound {
            what: "open comparison",
            name: id.to_string(),
        })
    }
}

/// A plan with its place in the ledger and, once computed, its results.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredComparison {
    /// The plan.
    pub plan: ComparisonPlan,
    /// Where the ledger holds it.
    pub plan_leaf: LeafIndex,
    /// The results.
    pub results: Option<Comparison>,
}

fn stored(row: &Row) -> Result<StoredComparison, StoreError> {
    let results = match row.text_or_null(2)? {
        Some(_) => Some(row.record(2)?),
        None => None,
    };
    Ok(StoredComparison {
        plan: row.record(0)?,
        plan_leaf: LeafIndex(row.count(1)?),
        results,
    })
}

/// All comparisons, oldest first.
pub fn list(tx: &mut dyn Statements) -> Result<Vec<StoredComparison>, StoreError> {
    tx.query("SELECT plan, plan_leaf, record FROM comparison ORDER BY id", &[])?
        .iter()
        .map(stored)
        .collect()
}

/// The newest comparison of these weights on a dataset.
pub fn newest(
    tx: &mut dyn Statements,
    dataset: Digest,
    weights: Digest,
) -> Result<Option<StoredComparison>, StoreError> {
    let matches = |c: &StoredComparison| c.plan.dataset == dataset && c.plan.weights == weights;
    Ok(list(tx)?.into_iter().rev().find(matches))
}
