//! SQLite, the embedded engine: write-ahead log, one writer, as many readers as wanted.

use std::{path::PathBuf, time::Duration};

use rusqlite::{ErrorCode, OpenFlags, params_from_iter, types::ValueRef};

use crate::{Connection, Database, Row, Statements, StoreError, Value};

/// How long a connection waits for another process that holds the file, for instance a backup.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Prepared statements kept per connection; there are fewer query texts than this.
const CACHED_STATEMENTS: usize = 64;

/// An SQLite database file.
pub struct Sqlite {
    path: PathBuf,
    access: Access,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    ReadWrite,
    ReadOnly,
}

impl Sqlite {
    /// The database in this file, made where it is missing.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            access: Access::ReadWrite,
        }
    }

    /// The database in this file, for looking only: needs no lock and changes nothing.
    pub fn read_only(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            access: Access::ReadOnly,
        }
    }
}

impl Database for Sqlite {
    fn connect(&self) -> Result<Box<dyn Connection>, StoreError> {
        let flags = match self.access {
            Access::ReadWrite => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
            Access::ReadOnly => OpenFlags::SQLITE_OPEN_READ_ONLY,
        };
        let connection = rusqlite::Connection::open_with_flags(&self.path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .map_err(|e| refused(&e))?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(|e| refused(&e))?;
        connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
        if self.access == Access::ReadWrite {
            // FULL: a commit is on the disk, not only in the kernel, before anybody is answered.
            connection
                .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;")
                .map_err(|e| refused(&e))?;
        }
        Ok(Box::new(SqliteConnection(connection)))
    }
}

struct SqliteConnection(rusqlite::Connection);

impl Connection for SqliteConnection {
    fn statements(&mut self) -> &mut dyn Statements {
        self
    }

    fn script(&mut self, sql: &str) -> Result<(), StoreError> {
        self.0.execute_batch(sql).map_err(|e| refused(&e))
    }

    fn compact(&mut self) -> Result<(), StoreError> {
        self.0.execute_batch("VACUUM").map_err(|e| refused(&e))?;
        let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
        let is_busy: i64 = self
            .0
            .query_row(checkpoint, [], |row| row.get(0))
            .map_err(|e| refused(&e))?;
        if is_busy == 0 {
            Ok(())
        } else {
            Err(StoreError::Database {
                reason: "somebody still reads what was to be written over; try again".to_owned(),
            })
        }
    }
}

impl Statements for SqliteConnection {
    fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64, StoreError> {
        let mut statement = self.0.prepare_cached(sql).map_err(|e| refused(&e))?;
        let changed = statement.execute(params_from_iter(values)).map_err(|e| refused(&e))?;
        Ok(u64::try_from(changed).unwrap_or(u64::MAX))
    }

    fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>, StoreError> {
        let mut statement = self.0.prepare_cached(sql).map_err(|e| refused(&e))?;
        let columns = statement.column_count();
        let mut rows = statement.query(params_from_iter(values)).map_err(|e| refused(&e))?;
        let mut result = Vec::new();
        while let Some(row) = rows.next().map_err(|e| refused(&e))? {
            let cells = (0..columns).map(|i| row.get_ref(i).map_err(|e| refused(&e)).and_then(owned));
            result.push(Row(cells.collect::<Result<_, _>>()?));
        }
        Ok(result)
    }
}

fn owned(value: ValueRef<'_>) -> Result<Value, StoreError> {
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Integer(number),
        ValueRef::Real(number) => Value::Real(number),
        ValueRef::Text(bytes) => Value::Text(
            std::str::from_utf8(bytes)
                .map_err(|e| StoreError::UnreadableRecord { reason: e.to_string() })?
                .to_owned(),
        ),
        ValueRef::Blob(_) => {
            return Err(StoreError::UnreadableRecord {
                reason: "a column holds bytes where text belongs".to_owned(),
            });
        }
    })
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => rusqlite::types::Null.into(),
            Self::Integer(number) => (*number).into(),
            Self::Real(number) => (*number).into(),
            Self::Text(text) => text.as_str().into(),
        })
    }
}

fn refused(error: &rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::DiskFull {
            path: "cultivar.db".to_owned(),
        },
        Some(ErrorCode::ConstraintViolation) if error.to_string().contains("UNIQUE") => StoreError::Exists {
            what: "record",
            name: error.to_string().rsplit(": ").next().unwrap_or("").to_owned(),
        },
        _ => StoreError::Database {
            reason: error.to_string(),
        },
    }
}
