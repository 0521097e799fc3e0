//! Rows of terms made ready for Cedar, remembered by key. Remembering changes the speed of an answer, never the answer:
//! a remembered row is used only where it equals the row asked about.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use cedar_policy::Entities;
use cultivar_record::{Digest, Terms, TermsKey, digest_of};

use crate::{PolicyError, question::Vocabulary};

/// A row with what every decision about it needs.
#[derive(Debug)]
pub(crate) struct Prepared {
    terms: Terms,
    pub(crate) digest: Digest,
    pub(crate) entities: Entities,
}

/// The rows asked about so far: at most one per key.
#[derive(Debug, Default)]
pub(crate) struct PreparedRows {
    rows: RwLock<HashMap<TermsKey, Arc<Prepared>>>,
}

impl PreparedRows {
    pub(crate) fn get(&self, terms: &Terms, vocabulary: &Vocabulary) -> Result<Arc<Prepared>, PolicyError> {
        let known = self
            .rows
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&terms.key)
            .cloned();
        if let Some(known) = known.filter(|known| known.terms == *terms) {
            return Ok(known);
        }
        let fresh = Arc::new(Prepared {
            terms: terms.clone(),
            digest: digest_of(terms)?,
            entities: vocabulary.entities(terms)?,
        });
        let mut rows = self.rows.write().unwrap_or_else(PoisonError::into_inner);
        rows.insert(terms.key.clone(), Arc::clone(&fresh));
        Ok(fresh)
    }
}
