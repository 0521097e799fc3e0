//! What every engine must do. Each function gets a database with nothing in it; an engine calls them all, by name.

mod accounts;
mod commits;
mod exchanges;
mod ledger;
mod work;

use std::sync::Arc;

use cultivar_store::{Database, Statements, Store, StoreError, tables};
use miette::Diagnostic;

use crate::samples::Samples;

pub(crate) use accounts::*;
pub(crate) use commits::*;
pub(crate) use exchanges::*;
pub(crate) use ledger::*;
pub(crate) use work::*;

/// A store in which the organisation of the samples exists.
fn furnished(database: Arc<dyn Database>) -> (Store, Samples) {
    let store = Store::open(database).unwrap();
    let samples = Samples::new();
    let organization = samples.organization.clone();
    write(&store, move |tx| tables::organization::insert(tx, &organization)).unwrap();
    (store, samples)
}

fn write<T: Send + 'static>(
    store: &Store,
    job: impl FnOnce(&mut dyn Statements) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    store.write_blocking(job)
}

/// The code of an error and its words.
pub(crate) fn told<T: std::fmt::Debug>(result: Result<T, StoreError>) -> String {
    let error = result.unwrap_err();
    format!("{}: {error}", error.code().unwrap())
}
