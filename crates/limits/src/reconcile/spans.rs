//! A report of sums: within each span of time and for each model, our calls are added up and compared.

use std::collections::{BTreeMap, HashMap};

use cultivar_record::Timestamp;

use super::{
    Counts, Difference, Explanation, OurCall, Reconciliation, SpanKey, TheirSpan, Totals, Why, explain, model_family,
};

/// A call that begins within so many microseconds before the end of a span may be counted in the next one: providers date a
/// call when it is finished.
const EDGE: i64 = 900_000_000;

/// One span and one model, from both sides.
#[derive(Default)]
struct Sum<'a> {
    theirs: Totals,
    /// Calls of ours with usage.
    used: Vec<&'a OurCall>,
    /// Calls of ours of which nobody knows whether the provider billed them.
    uncertain: Vec<&'a OurCall>,
    /// What the provider has beyond ours.
    difference: Totals,
    /// What of it is not explained yet.
    open: Totals,
    explained_by: Vec<Explanation>,
}

pub(super) fn reconcile(ours: &[OurCall], theirs: &[TheirSpan], counts: Counts) -> Reconciliation {
    let mut found = Reconciliation::default();
    let mut sums = collect(ours, theirs, &mut found);
    for sum in sums.values_mut() {
        let ours = counts.sum(&sum.used);
        found.matched = found.matched.plus(ours.zip(sum.theirs, i64::min));
        sum.difference = sum.theirs.minus(ours);
        sum.open = sum.difference;
    }
    move_to_next(&mut sums, counts);
    let different = sums.into_iter().filter(|(_, sum)| !sum.difference.is_zero());
    found.differences = different.map(|(span, sum)| sum.into_difference(span, counts)).collect();
    found
}

/// Puts every call of ours into the span in which it began. Where the report does not tell models apart, neither do we.
fn collect<'a>(ours: &'a [OurCall], theirs: &[TheirSpan], found: &mut Reconciliation) -> BTreeMap<SpanKey, Sum<'a>> {
    let tells_models = theirs.iter().any(|their| their.span.model.is_some());
    let mut sums: BTreeMap<SpanKey, Sum<'_>> = BTreeMap::new();
    let mut ends: BTreeMap<Timestamp, Timestamp> = BTreeMap::new();
    for their in theirs {
        sums.entry(their.span.clone()).or_default().theirs = their.totals;
        ends.insert(their.span.start, their.span.end);
    }
    for call in ours {
        let before = ends.range(..=call.started_at).next_back();
        let Some((start, end)) = before.filter(|(_, end)| call.started_at < **end) else {
            found.outside.push(call.exchange);
            continue;
        };
        let key = SpanKey {
            start: *start,
            end: *end,
            model: tells_models.then(|| model_family(&call.provider_model)),
        };
        let sum = sums.entry(key).or_default();
        let side = if call.state.has_usage() {
            &mut sum.used
        } else {
            &mut sum.uncertain
        };
        side.push(call);
    }
    sums
}

/// Where a span lacks exactly what some late calls of ours used, and the next span of the model has at least that much too
/// much, the provider has counted them there.
fn move_to_next(sums: &mut BTreeMap<SpanKey, Sum<'_>>, counts: Counts) {
    let spans: Vec<SpanKey> = sums.keys().cloned().collect();
    let by_start: HashMap<_, _> = spans.iter().map(|span| ((span.start, &span.model), span)).collect();
    for span in &spans {
        let next = by_start.get(&(span.end, &span.model)).copied();
        let Some((next, surplus)) = next.and_then(|next| Some((next, sums.get(next)?.open))) else {
            continue;
        };
        let Some(sum) = sums.get_mut(span) else { continue };
        let missing = Totals::default().minus(sum.open);
        if missing.is_zero() || !missing.is_at_least_zero() || !surplus.minus(missing).is_at_least_zero() {
            continue;
        }
        let is_late = |call: &&OurCall| span.end.micros() - call.started_at.micros() <= EDGE;
        let late: Vec<&OurCall> = sum.used.iter().copied().filter(is_late).collect();
        let Some(explanation) = explain::exactly(&late, missing, counts, Why::NextSpan) else {
            continue;
        };
        sum.open = Totals::default();
        sum.explained_by.push(explanation.clone());
        if let Some(next) = sums.get_mut(next) {
            next.open = next.open.minus(missing);
            next.explained_by.push(explanation);
        }
    }
}

impl Sum<'_> {
    fn into_difference(mut self, span: SpanKey, counts: Counts) -> Difference {
        let (explanation, unexplained) = if self.open.is_at_least_zero() {
            explain::surplus(&self.used, &self.uncertain, self.open, counts)
        } else {
            explain::deficit(&self.used, self.open, counts)
        };
        self.explained_by.extend(explanation);
        Difference::Span {
            span,
            counts,
            difference: self.difference,
            explained_by: self.explained_by,
            unexplained,
        }
    }
}
