//! The only crate that speaks SQL: schema, migrations, queries, blobs, jobs. One query text serves every engine behind the
//! [`Database`] boundary; SQLite is the embedded one.
//!
//! It does not know what is permitted, who may ask, what an answer means, or how a Merkle tree is computed: it keeps what it
//! is given, all of it or nothing.

mod blobs;
mod data_dir;
mod engine;
mod error;
pub mod files;
mod journal;
mod lock;
mod migrate;
mod packs;
mod sqlite;
pub mod tables;
mod writer;

use std::sync::{Arc, Mutex, PoisonError, mpsc};

use tokio::sync::oneshot;

pub use blobs::Blobs;
pub use data_dir::DataDir;
pub use engine::{Connection, Database, Row, Statements, Value};
pub use error::StoreError;
pub use journal::{Backlog, Bounds, Frame, IntentFrame, Journal, OutcomeFrame, Staged};
pub use lock::DataLock;
pub use migrate::{MIGRATIONS, SCHEMA};
pub use packs::Packs;
pub use sqlite::Sqlite;

use writer::Writer;

/// The records of one data directory or one database server. Writes go through one thread and share commits; reads go
/// through connections of their own.
pub struct Store {
    writer: Writer,
    database: Arc<dyn Database>,
    readers: Mutex<Vec<Box<dyn Connection>>>,
}

impl Store {
    /// Opens a database and brings its schema up to date.
    ///
    /// # Errors
    /// `store::newer_schema` where a newer program wrote it; `store::database` where it cannot be opened.
    pub fn open(database: Arc<dyn Database>) -> Result<Self, StoreError> {
        let mut connection = database.connect()?;
        migrate::migrate(connection.as_mut())?;
        Ok(Self {
            writer: Writer::start(connection)?,
            database,
            readers: Mutex::new(Vec::new()),
        })
    }

    /// Opens a database for looking only: nothing is migrated, and a write fails.
    ///
    /// # Errors
    /// `store::newer_schema`, `store::older_schema`, `store::database`.
    pub fn open_to_read(database: Arc<dyn Database>) -> Result<Self, StoreError> {
        let mut connection = database.connect()?;
        migrate::check(connection.as_mut())?;
        Ok(Self {
            writer: Writer::start(connection)?,
            database,
            readers: Mutex::new(Vec::new()),
        })
    }

    /// Runs a job in a transaction that other jobs may share, and returns once it is durable. A job that fails leaves
    /// nothing behind, and does not disturb those it shared the transaction with.
    pub async fn write<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn Statements) -> Result<T, StoreError> + Send + 'static,
    {
        let (reply, result) = oneshot::channel();
        // A caller that has gone needs no answer; what it asked for is committed all the same.
        self.writer.submit(job, |result| drop(reply.send(result)))?;
        result.await.map_err(|_| StoreError::closed())?
    }

    /// As [`Store::write`], for a thread that may wait.
    pub fn write_blocking<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn Statements) -> Result<T, StoreError> + Send + 'static,
    {
        let (reply, result) = mpsc::channel();
        self.writer.submit(job, move |result| drop(reply.send(result)))?;
        result.recv().map_err(|_| StoreError::closed())?
    }

    /// Writes everything anew, so that what was deleted or replaced lies in no file of the database. Blocks, and makes writers
    /// wait meanwhile.
    ///
    /// # Errors
    /// `store::database`, `store::disk_full`.
    pub fn compact(&self) -> Result<(), StoreError> {
        self.writer.compact()
    }

    /// Reads the last committed state.
    pub fn read<T>(&self, job: impl FnOnce(&mut dyn Statements) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let idle = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut connection = idle.map_or_else(|| self.database.connect(), Ok)?;
        let result = job(connection.statements());
        self.readers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(connection);
        result
    }
}
