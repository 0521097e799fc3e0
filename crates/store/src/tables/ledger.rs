//! The ledger's rows: entries that wait for their tile, and the last tree head.

use cultivar_record::{LeafIndex, LedgerEntry, Salt, canonical_json};

use crate::{Statements, StoreError, Value};

/// Appends an entry; its leaf index is durable with the transaction.
pub fn append(tx: &mut dyn Statements, entry: &LedgerEntry) -> Result<LeafIndex, StoreError> {
    append_texts(tx, &[&canonical_json(entry)?])
}

/// Appends entries, each canonical JSON, under leaf indices that follow each other; returns the first. They are one row: an
/// entry has no line break, so lines part them.
pub(crate) fn append_texts(tx: &mut dyn Statements, entries: &[&str]) -> Result<LeafIndex, StoreError> {
    let next = head(tx)?.next_leaf;
    let count = u64::try_from(entries.len()).unwrap_or(u64::MAX);
    if count > 0 {
        let values = [next.into(), count.into(), Value::Text(entries.join("\n"))];
        tx.execute(
            "INSERT INTO ledger_waiting (first_leaf, leaves, entries) VALUES ($1, $2, $3)",
            &values,
        )?;
        let sql = "UPDATE tree_head SET next_leaf = $1 WHERE id = 1";
        tx.execute(sql, &[(next + count).into()])?;
    }
    Ok(LeafIndex(next))
}

/// The number of the last frame of the journal that was settled.
pub(crate) fn settled(tx: &mut dyn Statements) -> Result<u64, StoreError> {
    let rows = tx.query("SELECT settled FROM journal WHERE id = 1", &[])?;
    rows.first().map_or(Ok(0), |row| row.count(0))
}

/// Remembers the number of the last frame that was settled.
pub(crate) fn set_settled(tx: &mut dyn Statements, frame: u64) -> Result<(), StoreError> {
    tx.execute("UPDATE journal SET settled = $1 WHERE id = 1", &[frame.into()])?;
    Ok(())
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

/// Entries that wait for their tile, in order: their leaf and their canonical JSON. At least one where any waits, and at most
/// `most`, but for those that share a row with the last.
pub fn waiting(tx: &mut dyn Statements, most: u32) -> Result<Vec<(LeafIndex, String)>, StoreError> {
    let published = head(tx)?.published_size;
    let sizes = tx.query(
        "SELECT first_leaf, leaves FROM ledger_waiting ORDER BY first_leaf LIMIT $1",
        &[most.into()],
    )?;
    let (mut count, mut last) = (0, 0);
    for row in &sizes {
        if count >= u64::from(most) {
            break;
        }
        last = row.count(0)?;
        count += row.count(1)?;
    }
    let sql = "SELECT first_leaf, entries FROM ledger_waiting WHERE first_leaf <= $1 ORDER BY first_leaf";
    let mut waiting = Vec::new();
    for row in &tx.query(sql, &[last.into()])? {
        let leaves = (row.count(0)?..).zip(row.text(1)?.lines());
        let fresh = leaves.filter(|(leaf, _)| *leaf >= published);
        waiting.extend(fresh.map(|(leaf, entry)| (LeafIndex(leaf), entry.to_owned())));
    }
    Ok(waiting)
}

/// Replaces the tree head, if it is still that of `old_size`, and drops the entries that now lie in tiles.
/// Returns whether it was replaced.
pub fn publish(tx: &mut dyn Statements, old_size: u64, new_size: u64, note: &str) -> Result<bool, StoreError> {
    let sql = "UPDATE tree_head SET published_size = $1, note = $2 WHERE id = 1 AND published_size = $3";
    let replaced = tx.execute(sql, &[new_size.into(), note.into(), old_size.into()])? == 1;
    if replaced {
        let sql = "DELETE FROM ledger_waiting WHERE first_leaf + leaves <= $1";
        tx.execute(sql, &[new_size.into()])?;
    }
    Ok(replaced)
}
