//! One file per table, one shape: plain functions over [`crate::Statements`], so that a job can put several into one
//! transaction. An insert takes the record as it is; nothing here makes ids or reads a clock.

pub mod acceptance;
pub mod api_key;
pub mod approval;
pub mod comparison;
pub mod dataset;
pub mod erasure;
pub mod evidence;
pub mod exchange;
pub mod grant;
pub mod incident;
pub mod job;
pub mod ledger;
pub mod member;
pub mod model_version;
pub mod organization;
pub mod project;
pub mod provider;
pub mod run;
pub mod usage;
pub mod verdict;

use cultivar_record::canonical_json;
use serde::Serialize;

use crate::{StoreError, Value};

/// A record as the value of its `record` column.
fn record_value<T: Serialize>(record: &T) -> Result<Value, StoreError> {
    Ok(Value::Text(canonical_json(record)?))
}

/// The name that was taken, in the words of the one who gave it.
fn named(error: StoreError, what: &'static str, name: &str) -> StoreError {
    if error.is_exists() {
        StoreError::Exists {
            what,
            name: name.to_owned(),
        }
    } else {
        error
    }
}
