//! A report of single calls: the same request id is the same call.

use std::collections::HashMap;

use super::{Difference, Explanation, OurCall, OurState, Reconciliation, TheirCall, Why, model_family};

/// A call may be dated so many microseconds before we asked: clocks differ.
const EARLY: i64 = 300_000_000;
/// And so many after: some providers date a call when its answer is finished.
const LATE: i64 = 900_000_000;

/// A call of theirs that is none of ours by its id.
struct Stranger<'a> {
    call: &'a TheirCall,
    family: String,
    repeated: bool,
    explained_by: Option<Explanation>,
}

pub(super) fn reconcile(ours: &[OurCall], theirs: &[TheirCall]) -> Reconciliation {
    let mut found = Reconciliation::default();
    let mut by_id: HashMap<&str, (&OurCall, bool)> = HashMap::new();
    for call in ours {
        if let Some(id) = &call.provider_request_id {
            by_id.entry(id).or_insert((call, false));
        }
    }
    let mut strangers = Vec::new();
    for call in theirs {
        let known = call.request_id.as_deref().and_then(|id| by_id.get_mut(id));
        match known {
            Some((our, billed @ false)) => {
                *billed = true;
                compare(our, call, &mut found);
            }
            known => strangers.push(Stranger {
                call,
                family: model_family(&call.model),
                repeated: known.is_some(),
                explained_by: None,
            }),
        }
    }
    let is_billed = |our: &OurCall| {
        let known = our.provider_request_id.as_deref().and_then(|id| by_id.get(id));
        known.is_some_and(|(first, billed)| *billed && first.exchange == our.exchange)
    };
    let mut unbilled: Vec<(&OurCall, String)> = ours
        .iter()
        .filter(|our| !is_billed(our))
        .map(|our| (our, model_family(&our.provider_model)))
        .collect();
    for why in [Why::SameTokens, Why::OutcomeUnknown] {
        explain(&mut strangers, &mut unbilled, why, &mut found);
    }
    found
        .differences
        .extend(strangers.into_iter().map(Stranger::into_difference));
    let unbilled = unbilled.into_iter().map(|(our, _)| our);
    found
        .differences
        .extend(unbilled.filter(|our| our.state.has_usage()).map(not_theirs));
    found
}

/// Both have the call: do they count the same?
fn compare(our: &OurCall, their: &TheirCall, found: &mut Reconciliation) {
    let (ours, theirs) = (our.totals(), their.totals());
    found.matched = found.matched.plus(ours.zip(theirs, i64::min));
    let difference = theirs.minus(ours);
    if difference.is_zero() {
        return;
    }
    let why = match our.state {
        OurState::Partial if difference.is_at_least_zero() => Some(Why::AnswerCutShort),
        OurState::Failed | OurState::Unknown | OurState::UnderWay => Some(Why::OutcomeUnknown),
        OurState::Partial | OurState::Answered => None,
    };
    found.differences.push(Difference::Tokens {
        exchange: our.exchange,
        line: their.line,
        difference,
        explained_by: why.map(|why| Explanation::one(our, why, 0)),
    });
}

/// Finds for each call of theirs the call of ours that it may be, the nearest in time, and takes it off the unbilled ones. A
/// repeated line is no call of ours: that one is billed already.
fn explain(
    strangers: &mut [Stranger<'_>],
    unbilled: &mut Vec<(&OurCall, String)>,
    why: Why,
    found: &mut Reconciliation,
) {
    for stranger in strangers.iter_mut().filter(|stranger| !stranger.repeated) {
        if stranger.explained_by.is_some() {
            continue;
        }
        let candidates = unbilled.iter().enumerate();
        let candidates =
            candidates.filter(|(_, (our, family))| *family == stranger.family && may_be(our, stranger.call, why));
        let mut candidates: Vec<(u64, usize)> = candidates
            .map(|(index, (our, _))| (our.started_at.micros().abs_diff(stranger.call.at.micros()), index))
            .collect();
        candidates.sort_unstable();
        if let Some((_, nearest)) = candidates.first() {
            let (our, _) = unbilled.remove(*nearest);
            stranger.explained_by = Some(Explanation::one(our, why, candidates.len() - 1));
            if why == Why::SameTokens {
                found.matched = found.matched.plus(our.totals());
            }
        }
    }
}

fn may_be(our: &OurCall, their: &TheirCall, why: Why) -> bool {
    let late = their.at.micros().saturating_sub(our.started_at.micros());
    let ids_differ = our.provider_request_id.is_some() && their.request_id.is_some();
    let fits = match why {
        Why::SameTokens => our.state.has_usage() && our.totals() == their.totals(),
        _ => !our.state.has_usage(),
    };
    fits && !ids_differ && (-EARLY..=LATE).contains(&late)
}

fn not_theirs(our: &OurCall) -> Difference {
    let cut_short = our.state == OurState::Partial;
    Difference::OursNotTheirs {
        exchange: our.exchange,
        tokens: our.totals(),
        explained_by: cut_short.then(|| Explanation::one(our, Why::CutShortNotBilled, 0)),
    }
}

impl Stranger<'_> {
    fn into_difference(self) -> Difference {
        Difference::TheirsNotOurs {
            call: self.call.clone(),
            repeated: self.repeated,
            explained_by: self.explained_by,
        }
    }
}
