//! The ledger's rows: entries that wait for their tile, and the last tree head.

use cultivar_record::{LeafIndex, LedgerEntry, Salt, canonical_json};

use crate::{Statements, StoreError, Value};

/// Appends an entry; its leaf index is durable with the transaction.
pub fn append(tx: &mut dyn Statements, entry: &LedgerEntry) -> Result<LeafIndex, StoreError> {
    let next = head(tx)?.next_leaf;
    tx.execute(
        "INSERT INTO ledger_entry (leaf_index, entry) VALUES ($1, $2)",
        &[next.into(), Value::Text(canonical_json(entry)?)],
    )?;
    tx.execute("UPDATE tree_head SET next_leaf = $1 WHERE id = 1", &[(next + 1).into()])?;
    Ok(LeafIndex(next))
}

/// As [`append`], and keeps the salt of the entry's commitment.
pub fn append_with_salt(tx: &mut dyn Statements, entry: &LedgerEntry, salt: Salt) -> Result<LeafIndex, StoreError> {
    let leaf = append(tx, entry)?;
    let values = [leaf.0.into(), salt.to_string().into()];
    tx.execute("INSERT INTO entry_salt (leaf_index, salt) VALUES ($1, $2)", &values)?;
    Ok(leaf)
}

/// The salt of an entry other than a call's; nothing where it was erased.
pub fn salt(tx: &mut dyn Statements, leaf: LeafIndex) -> Result<Option<Salt>, StoreError> {
    let rows = tx.query("SELECT salt FROM entry_salt WHERE leaf_index = $1", &[leaf.0.into()])?;
    rows.first().map(|row| row.parsed(0)).transpose()
}

/// The row of the last tree head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The next free leaf.
    pub next_leaf: u64,
    /// Entries that the last published tree head covers.
    pub published_size: u64,
    /// That tree head, a signed note; empty before the first.
    pub note: String,
}

/// The row of the last tree head.
pub fn head(tx: &mut dyn Statements) -> Result<Head, StoreError> {
    let rows = tx.query(
        "SELECT next_leaf, published_size, note FROM tree_head WHERE id = 1",
        &[],
    )?;
    let row = rows.first().ok_or(StoreError::UnreadableRecord {
        reason: "the tree head row is gone".to_owned(),
    })?;
    Ok(Head {
        next_leaf: row.count(0)?,
        published_size: row.count(1)?,
        note: row.text(2)?.to_owned(),
    })
}

/// At most `most` entries that wait for their tile, in order: their first leaf and their canonical JSON.
pub fn waiting(tx: &mut dyn Statements, most: u32) -> Result<Vec<(LeafIndex, String)>, StoreError> {
    let rows = tx.query(
        "SELECT leaf_index, entry FROM ledger_entry ORDER BY leaf_index LIMIT $1",
        &[most.into()],
    )?;
    rows.iter()
        .map(|row| Ok((LeafIndex(row.count(0)?), row.text(1)?.to_owned())))
        .collect()
}

/// Replaces the tree head, if it is still that of `old_size`, and drops the entries that now lie in tiles.
/// Returns whether it was replaced.
pub fn publish(tx: &mut dyn Statements, old_size: u64, new_size: u64, note: &str) -> Result<bool, StoreError> {
    let sql = "UPDATE tree_head SET published_size = $1, note = $2 WHERE id = 1 AND published_size = $3";
    let replaced = tx.execute(sql, &[new_size.into(), note.into(), old_size.into()])? == 1;
    if replaced {
        tx.execute("DELETE FROM ledger_entry WHERE leaf_index < $1", &[new_size.into()])?;
    }
    Ok(replaced)
}
