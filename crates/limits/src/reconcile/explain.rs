//! The fewest calls of ours that a difference between sums can come from.

use std::{cmp::Reverse, collections::HashMap};

use super::{Counts, Explanation, OurCall, OurState, Totals, Why};

/// Among more calls than this, sets of three are not looked for: their number grows with the square.
const MOST_FOR_THREE: usize = 2_000;

impl Explanation {
    pub(super) fn one(call: &OurCall, why: Why, alternatives: usize) -> Self {
        Self::of(&[call], why, alternatives)
    }

    fn of(calls: &[&OurCall], why: Why, alternatives: usize) -> Self {
        Self {
            exchanges: calls.iter().map(|call| call.exchange).collect(),
            why,
            alternatives,
        }
    }
}

/// The provider has more than we: an answer that we did not read to the end where it is tokens of answers alone; or else calls
/// whose outcome we do not know, as many as it has more calls. Returned with what there is no reason for.
pub(super) fn surplus(
    used: &[&OurCall],
    uncertain: &[&OurCall],
    open: Totals,
    counts: Counts,
) -> (Option<Explanation>, Totals) {
    if open.is_zero() {
        return (None, open);
    }
    if open.calls == 0 && open.prompt_tokens == 0 {
        let partial: Vec<&OurCall> = partial(used);
        if let Some(longest) = partial
            .iter()
            .max_by_key(|call| (call.completion_tokens, Reverse(call.exchange)))
        {
            let explanation = Explanation::one(longest, Why::AnswerCutShort, partial.len() - 1);
            return (Some(explanation), Totals::default());
        }
    }
    // More tokens in as many calls: an unknown call does not explain that.
    let wanted = match counts {
        Counts::Tokens => 1,
        Counts::CallsAndTokens => usize::try_from(open.calls).unwrap_or(usize::MAX),
    };
    let taken: Vec<&OurCall> = likeliest(uncertain).into_iter().take(wanted).collect();
    if taken.is_empty() {
        return (None, open);
    }
    let explanation = Explanation::of(&taken, Why::OutcomeUnknown, uncertain.len() - taken.len());
    if taken.len() == wanted {
        return (Some(explanation), Totals::default());
    }
    // Some calls are nobody's. How the tokens divide between them and the unknown ones cannot be told: all stay open.
    let calls = open
        .calls
        .saturating_sub(i64::try_from(taken.len()).unwrap_or(i64::MAX));
    (Some(explanation), Totals { calls, ..open })
}

/// The provider has less than we: calls of ours whose tokens are exactly what it lacks. Those cut short come first: that a
/// provider does not bill them is a reason. Others are named, but stay without one.
pub(super) fn deficit(used: &[&OurCall], open: Totals, counts: Counts) -> (Option<Explanation>, Totals) {
    let missing = Totals::default().minus(open);
    if !missing.is_at_least_zero() {
        return (None, open);
    }
    let cut_short = exactly(&partial(used), missing, counts, Why::CutShortNotBilled);
    if cut_short.is_some() {
        return (cut_short, Totals::default());
    }
    (exactly(used, missing, counts, Why::NotBilled), open)
}

fn partial<'a>(used: &[&'a OurCall]) -> Vec<&'a OurCall> {
    let partial = used.iter().copied();
    partial.filter(|call| call.state == OurState::Partial).collect()
}

/// Unknown outcomes first, then calls under way, then failed ones; the oldest first.
fn likeliest<'a>(uncertain: &[&'a OurCall]) -> Vec<&'a OurCall> {
    let mut calls = uncertain.to_vec();
    calls.sort_by_key(|call| {
        let rank = match call.state {
            OurState::Unknown => 0,
            OurState::UnderWay => 1,
            OurState::Failed | OurState::Partial | OurState::Answered => 2,
        };
        (rank, call.started_at, call.exchange)
    });
    calls
}

/// The smallest set of calls, of at most three or of all, whose sum is exactly this.
pub(super) fn exactly(calls: &[&OurCall], wanted: Totals, counts: Counts, why: Why) -> Option<Explanation> {
    let search = Search::new(calls, counts);
    for size in 1..=3 {
        let other_count = counts == Counts::CallsAndTokens && wanted.calls != size;
        if other_count || size == 3 && calls.len() > MOST_FOR_THREE {
            continue;
        }
        let mut sets = Sets::default();
        search.sets(size, 0, wanted, &mut Vec::new(), &mut sets);
        if let Some(first) = sets.first {
            let chosen: Vec<&OurCall> = first.iter().filter_map(|index| calls.get(*index).copied()).collect();
            return Some(Explanation::of(&chosen, why, sets.count - 1));
        }
    }
    let all = !calls.is_empty() && counts.sum(calls) == wanted;
    all.then(|| Explanation::of(calls, why, 0))
}

struct Search {
    totals: Vec<Totals>,
    places: HashMap<Totals, Vec<usize>>,
}

/// The first set that was found, and how many there are.
#[derive(Default)]
struct Sets {
    first: Option<Vec<usize>>,
    count: usize,
}

impl Search {
    fn new(calls: &[&OurCall], counts: Counts) -> Self {
        let totals: Vec<Totals> = calls.iter().map(|call| counts.of(call)).collect();
        let mut places: HashMap<Totals, Vec<usize>> = HashMap::new();
        for (place, totals) in totals.iter().enumerate() {
            places.entry(*totals).or_default().push(place);
        }
        Self { totals, places }
    }

    /// All sets of `size` calls from `from` on whose sum is `wanted`; the last of each set is looked up, not tried.
    fn sets(&self, size: i64, from: usize, wanted: Totals, chosen: &mut Vec<usize>, sets: &mut Sets) {
        if size == 1 {
            let last = self.places.get(&wanted).map_or(&[][..], Vec::as_slice);
            let last = last.get(last.partition_point(|place| *place < from)..);
            let last = last.unwrap_or_default();
            sets.count += last.len();
            if let (None, Some(last)) = (&sets.first, last.first()) {
                sets.first = Some(chosen.iter().copied().chain([*last]).collect());
            }
            return;
        }
        for (place, totals) in self.totals.iter().enumerate().skip(from) {
            let rest = wanted.minus(*totals);
            if rest.is_at_least_zero() {
                chosen.push(place);
                self.sets(size - 1, place + 1, rest, chosen, sets);
                chosen.pop();
            }
        }
    }
}
