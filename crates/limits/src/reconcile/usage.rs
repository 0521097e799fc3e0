//! Reading a provider's usage report: the form is known by the names of its columns.

mod cells;

use std::{collections::BTreeMap, iter};

use cultivar_record::{Timestamp, TokenCount};
use serde::Serialize;

use super::{OurCall, ReconcileError, SpanKey, Totals, model_family, model_name::model_of_meter};
use cells::Table;

/// A day in microseconds: an Azure row counts one.
const DAY: i64 = 86_400_000_000;
/// Days without usage are added up to ten years: a mistyped date must not fill the memory.
const MOST_DAYS: usize = 3_653;

/// What a provider reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UsageReport {
    /// Single calls, in the order of the file.
    Calls(Vec<TheirCall>),
    /// Sums over spans of time.
    Spans {
        /// What is summed up.
        counts: Counts,
        /// In the order of time; two are the same span or apart. One without usage says that there was none.
        spans: Vec<TheirSpan>,
    },
}

/// What a report counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Counts {
    /// Calls and tokens.
    CallsAndTokens,
    /// Tokens alone.
    Tokens,
}

impl Counts {
    /// What a call of ours counts for.
    pub(super) fn of(self, call: &OurCall) -> Totals {
        let totals = call.totals();
        match self {
            Self::CallsAndTokens => totals,
            Self::Tokens => Totals { calls: 0, ..totals },
        }
    }

    pub(super) fn sum(self, calls: &[&OurCall]) -> Totals {
        let counted = calls.iter().map(|call| self.of(call));
        counted.fold(Totals::default(), Totals::plus)
    }
}

/// A call as the provider reports it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TheirCall {
    /// Its line in the file, counted from 1.
    pub line: u64,
    /// The provider's id of the call.
    pub request_id: Option<String>,
    /// The model's name.
    pub model: String,
    /// When.
    pub at: Timestamp,
    /// Tokens of the request.
    pub prompt_tokens: TokenCount,
    /// Tokens of the answer.
    pub completion_tokens: TokenCount,
}

impl TheirCall {
    pub(super) fn totals(&self) -> Totals {
        Totals::of_call(self.prompt_tokens, self.completion_tokens)
    }
}

/// A sum as the provider reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TheirSpan {
    /// Of when and which model.
    pub span: SpanKey,
    /// Calls and tokens.
    pub totals: Totals,
}

impl UsageReport {
    /// The first and the last moment of which it says something; `None` where it is empty.
    pub fn covers(&self) -> Option<(Timestamp, Timestamp)> {
        match self {
            Self::Calls(calls) => {
                let times = || calls.iter().map(|call| call.at);
                times().min().zip(times().max())
            }
            Self::Spans { spans, .. } => {
                let first = spans.iter().map(|each| each.span.start).min();
                first.zip(spans.iter().map(|each| each.span.end).max())
            }
        }
    }
}

/// Reads a report. Known are, by their columns:
/// - single calls: `request_id,model,timestamp,prompt_tokens,completion_tokens` (`input_tokens`, `output_tokens`, `id` and
///   `created` are understood too);
/// - OpenAI's completions usage: `start_time,end_time,…,num_model_requests,…,model,…,input_tokens,output_tokens,…`, by
///   minute, hour or day, grouped by model or not, and whatever else it is grouped by;
/// - Azure's cost and usage details: `Date,…,MeterName,…,UnitOfMeasure,Quantity,…`, of which the meters that count tokens are
///   read. They do not count calls.
///
/// # Errors
/// The form is not known, or a line or a cell cannot be read.
pub fn read_usage(csv: &[u8]) -> Result<UsageReport, ReconcileError> {
    let table = Table::read(csv)?;
    if table.has("meter_name") {
        return azure(&table);
    }
    if table.has("start_time") && table.has("end_time") {
        return openai(&table);
    }
    if table.has("request_id") {
        return calls(&table);
    }
    Err(ReconcileError::UnknownForm)
}

fn calls(table: &Table) -> Result<UsageReport, ReconcileError> {
    let [id, model, at, prompt, completion] =
        table.columns(["request_id", "model", "timestamp", "prompt_tokens", "completion_tokens"])?;
    let calls = table.rows().map(|row| {
        Ok(TheirCall {
            line: row.line,
            request_id: Some(row.text(id)).filter(|id| !id.is_empty()).map(str::to_owned),
            model: row.text(model).to_owned(),
            at: row.time(at)?,
            prompt_tokens: TokenCount::new(row.count(prompt)?.unsigned_abs()),
            completion_tokens: TokenCount::new(row.count(completion)?.unsigned_abs()),
        })
    });
    Ok(UsageReport::Calls(calls.collect::<Result<_, ReconcileError>>()?))
}

/// A span without usage has a line with its times and nothing else; an export without any usage has columns for nothing else.
fn openai(table: &Table) -> Result<UsageReport, ReconcileError> {
    let [start, end] = table.columns(["start_time", "end_time"])?;
    let [model, calls] = ["model", "calls"].map(|name| table.columns([name]).ok().map(|[column]| column));
    let nothing_used = !table.has("prompt_tokens") && !table.has("completion_tokens") && calls.is_none();
    let tokens = if nothing_used {
        None
    } else {
        Some(table.columns(["prompt_tokens", "completion_tokens"])?)
    };
    let mut sums = Sums::default();
    for row in table.rows() {
        let (start, until) = (row.time(start)?, row.time(end)?);
        if until <= start {
            return Err(row.unreadable(end, "a time after the start"));
        }
        let mut totals = Totals::default();
        let used = tokens.filter(|tokens| tokens.iter().any(|column| !row.text(*column).is_empty()));
        if let Some([prompt, completion]) = used {
            totals = Totals {
                calls: calls.map_or(Ok(0), |calls| row.count(calls))?,
                prompt_tokens: row.count(prompt)?,
                completion_tokens: row.count(completion)?,
            };
        }
        let named = model.map(|model| row.text(model)).filter(|model| !model.is_empty());
        let model = named.map(model_family);
        let span = SpanKey {
            start,
            end: until,
            model,
        };
        sums.add(row.line, span, totals);
    }
    let counts_calls = nothing_used || calls.is_some();
    sums.report(if counts_calls {
        Counts::CallsAndTokens
    } else {
        Counts::Tokens
    })
}

/// A day without usage has no line: between the first and the last one it is added.
fn azure(table: &Table) -> Result<UsageReport, ReconcileError> {
    let [date, meter, unit, quantity] = table.columns(["date", "meter_name", "unit_of_measure", "quantity"])?;
    let day = |start: i64, model: Option<String>| SpanKey {
        start: Timestamp::from_micros(start),
        end: Timestamp::from_micros(start + DAY),
        model,
    };
    let mut sums = Sums::default();
    let mut days: Option<(i64, i64, u64)> = None;
    for row in table.rows() {
        let Some((family, is_answer)) = model_of_meter(row.text(meter)) else {
            continue;
        };
        let moment = row.time(date)?.micros();
        let start = moment - moment.rem_euclid(DAY);
        let tokens = row.quantity(quantity, unit)?;
        let (prompt_tokens, completion_tokens) = if is_answer { (0, tokens) } else { (tokens, 0) };
        let totals = Totals {
            calls: 0,
            prompt_tokens,
            completion_tokens,
        };
        sums.add(row.line, day(start, Some(family)), totals);
        let (first, last, line) = days.unwrap_or((start, start, row.line));
        days = Some((first.min(start), last.max(start), line));
    }
    if let Some((first, last, line)) = days {
        let all = iter::successors(Some(first), |start| Some(start + DAY)).take_while(|start| *start <= last);
        all.take(MOST_DAYS)
            .for_each(|start| sums.add(line, day(start, None), Totals::default()));
    }
    sums.report(Counts::Tokens)
}

/// Sums by span, with the line that named it first.
#[derive(Default)]
struct Sums(BTreeMap<SpanKey, (u64, Totals)>);

impl Sums {
    fn add(&mut self, line: u64, span: SpanKey, totals: Totals) {
        let (_, sum) = self.0.entry(span).or_insert((line, Totals::default()));
        *sum = sum.plus(totals);
    }

    fn report(self, counts: Counts) -> Result<UsageReport, ReconcileError> {
        let mut before: Option<(&SpanKey, u64)> = None;
        for (span, (line, _)) in &self.0 {
            if let Some((other, other_line)) = before
                && span.start < other.end
                && (span.start, span.end) != (other.start, other.end)
            {
                let (line, other) = (*line, other_line);
                return Err(ReconcileError::Overlap { line, other });
            }
            before = Some((span, *line));
        }
        let spans = self.0.into_iter().map(|(span, (_, totals))| TheirSpan { span, totals });
        let spans = spans.collect();
        Ok(UsageReport::Spans { counts, spans })
    }
}
