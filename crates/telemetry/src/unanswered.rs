//! What is counted of requests that were refused, or whose attempts all failed: by what their callers were told.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use cultivar_gateway::Unanswered;
use cultivar_record::Endpoint;

use crate::{
    conventions::{self as named, DURATION_BOUNDS, OTHER_ERROR},
    family::Attributes,
    histogram::Histogram,
    series::micros,
};

/// Most kinds of refusals; there are fewer codes than this.
const MOST_KINDS: usize = 500;

/// Requests that were told the same.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) count: AtomicU64,
    pub(crate) request: Histogram<14>,
}

/// Endpoint and code.
type Kind = (Option<Endpoint>, String);

/// Requests without an answer, by endpoint and code.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    by_kind: RwLock<HashMap<Kind, Arc<Told>>>,
}

impl Refusals {
    pub(crate) fn record(&self, unanswered: &Unanswered<'_>) {
        let told = self.of((unanswered.endpoint, unanswered.error.to_owned()));
        told.count.fetch_add(1, Relaxed);
        if unanswered.endpoint.is_some() {
            told.request.record(micros(unanswered.asked_at, unanswered.ended_at));
        }
    }

    fn of(&self, kind: Kind) -> Arc<Told> {
        let known = self.by_kind.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(told) = known.get(&kind) {
            return Arc::clone(told);
        }
        drop(known);
        let mut known = self.by_kind.write().unwrap_or_else(PoisonError::into_inner);
        let is_full = known.len() >= MOST_KINDS;
        let kind = if is_full { (None, OTHER_ERROR.to_owned()) } else { kind };
        let told = known.entry(kind).or_insert_with(|| {
            Arc::new(Told {
                count: AtomicU64::new(0),
                request: Histogram::new(&DURATION_BOUNDS),
            })
        });
        Arc::clone(told)
    }

    /// Every kind with its attributes.
    pub(crate) fn all(&self) -> Vec<(Attributes, Arc<Told>)> {
        let known = self.by_kind.read().unwrap_or_else(PoisonError::into_inner);
        let shown = known.iter().map(|((endpoint, code), told)| {
            let mut attributes = Attributes::from([(named::ERROR, code.as_str().into())]);
            if let Some(endpoint) = endpoint {
                attributes.insert(named::OPERATION, endpoint.operation().into());
            }
            (attributes, Arc::clone(told))
        });
        shown.collect()
    }
}
