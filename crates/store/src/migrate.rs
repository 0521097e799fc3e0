//! Append-only migrations; `schema.sql` is what they add up to, for people to read.

use crate::{Connection, StoreError, engine::transaction};

/// Every migration, oldest first. A migration that has landed is never edited.
pub const MIGRATIONS: &[(&str, &str)] = &[
    ("0001_spine", include_str!("../migrations/0001_spine.sql")),
    ("0002_door", include_str!("../migrations/0002_door.sql")),
    ("0003_signed", include_str!("../migrations/0003_signed.sql")),
    ("0004_erasure", include_str!("../migrations/0004_erasure.sql")),
];

/// The whole schema in one readable file.
pub const SCHEMA: &str = include_str!("../schema.sql");

const VERSION_TABLE: &str =
    "CREATE TABLE IF NOT EXISTS schema_migration (version BIGINT PRIMARY KEY, name TEXT NOT NULL)";

/// The version of the newest migration that this program knows.
fn known_version() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

fn found_version(connection: &mut dyn Connection) -> Result<i64, StoreError> {
    let rows = connection
        .statements()
        .query("SELECT COALESCE(MAX(version), 0) FROM schema_migration", &[])?;
    let found = rows.first().map_or(Ok(0), |row| row.integer(0))?;
    let known = known_version();
    if found > known {
        Err(StoreError::NewerSchema { found, known })
    } else {
        Ok(found)
    }
}

/// Refuses a database whose schema is not the one that this program knows.
pub(crate) fn check(connection: &mut dyn Connection) -> Result<(), StoreError> {
    let (found, known) = (found_version(connection)?, known_version());
    if found < known {
        Err(StoreError::OlderSchema { found, known })
    } else {
        Ok(())
    }
}

pub(crate) fn migrate(connection: &mut dyn Connection) -> Result<(), StoreError> {
    connection.statements().execute(VERSION_TABLE, &[])?;
    let found = found_version(connection)?;
    for (version, (name, sql)) in (1_i64..).zip(MIGRATIONS).skip_while(|(version, _)| *version <= found) {
        transaction(connection, "BEGIN", |connection| {
            connection.script(sql)?;
            let values = [version.into(), (*name).into()];
            connection
                .statements()
                .execute("INSERT INTO schema_migration (version, name) VALUES ($1, $2)", &values)
        })?;
    }
    Ok(())
}
