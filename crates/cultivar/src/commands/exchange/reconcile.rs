//! `exchange reconcile`: the record against a provider's own usage report.

use std::collections::{HashMap, HashSet};

use cultivar_cli::ReconcileArgs;
use cultivar_limits::reconcile::{
    Difference, Explanation, OurCall, OurState, Reconciliation, Totals, UsageReport, Why, read_usage, reconcile,
};
use cultivar_record::{ExchangeId, ProviderKind, Timestamp, TokenCount};
use cultivar_store::files;
use serde::Deserialize;

use crate::{
    admin::{Admin, Ask, query, with},
    config::Config,
    failure::{CliError, Failure},
    terminal::Terminal,
};

/// Clocks differ, and a provider may date a call when its answer ends: by so much around a report of single calls, ours are
/// looked at too.
const MARGIN_MICROS: i64 = 15 * 60 * 1_000_000;
/// Exchanges that are asked for at once.
const PAGE: usize = 1_000;

pub(super) fn run(args: &ReconcileArgs, config: &Config, terminal: &Terminal) -> Result<(), Failure> {
    let report = read_usage(&files::read(&args.usage)?)?;
    let Some((first, last)) = report.covers() else {
        return Err(CliError::Argument {
            reason: format!("`{}` holds no usage", args.usage.display()),
        }
        .into());
    };
    let (from, until) = (
        args.from.unwrap_or(first).min(first),
        args.until.unwrap_or(last).max(last),
    );
    let is_of_calls = matches!(report, UsageReport::Calls(_));
    let margin = if is_of_calls { MARGIN_MICROS } else { 0 };
    let asked = (moved(from, -margin), moved(until, margin));
    let mut ours = with(config, async move |admin: &Admin| calls(admin, args, asked).await)?;
    if !is_of_calls {
        // The end of a span is the beginning of the next one.
        ours.retain(|call| call.started_at < until);
    }
    let mut found = reconcile(&ours, &report);
    let began: HashMap<ExchangeId, Timestamp> = ours.iter().map(|call| (call.exchange, call.started_at)).collect();
    found.differences.retain(|difference| match difference {
        // Of what lies beside the report's time it says nothing.
        Difference::OursNotTheirs { exchange, .. } => began.get(exchange).is_some_and(|at| (from..=until).contains(at)),
        _ => true,
    });
    terminal.result(&told(&found, from, until), &found);
    let unexplained = found.differences.iter().filter(|each| !each.is_explained()).count() + found.outside.len();
    if unexplained > 0 {
        return Err(Failure::verification(CliError::Unexplained { count: unexplained }));
    }
    Ok(())
}

fn moved(at: Timestamp, micros: i64) -> Timestamp {
    Timestamp::from_micros(at.micros().saturating_add(micros))
}

#[derive(Deserialize)]
struct Page {
    data: Vec<Row>,
    next: Option<ExchangeId>,
}

/// What the admin API tells of an exchange, as far as it matters here.
#[derive(Deserialize)]
struct Row {
    id: ExchangeId,
    at: Timestamp,
    state: String,
    provider: String,
    provider_model: String,
    provider_request_id: Option<String>,
    prompt_tokens: u64,
    completion_tokens: u64,
}

#[derive(Deserialize)]
struct ProviderRow {
    name: String,
    kind: ProviderKind,
}

/// Our calls to the providers in question that began in this time.
async fn calls(
    admin: &Admin,
    args: &ReconcileArgs,
    (from, until): (Timestamp, Timestamp),
) -> Result<Vec<OurCall>, Failure> {
    let providers: Vec<ProviderRow> = admin.ask(Ask::get("/api/providers")).await?.rows()?;
    let within: HashSet<String> = providers
        .into_iter()
        .filter(|provider| matches!(provider.kind, ProviderKind::Local | ProviderKind::Recorded))
        .map(|provider| provider.name)
        .collect();
    let wanted = |name: &String| match args.providers.as_slice() {
        [] => !within.contains(name),
        named => named.contains(name),
    };
    let mut calls = Vec::new();
    let mut after: Option<ExchangeId> = None;
    loop {
        let parameters = [
            ("from", Some(from.to_string())),
            ("after", after.map(|id| id.to_string())),
            ("limit", Some(PAGE.to_string())),
        ];
        let page: Page = admin
            .ask(Ask::get(query("/api/exchanges", &parameters)))
            .await?
            .json()?;
        let is_last = page.next.is_none() || page.data.last().is_some_and(|row| row.at > until);
        let rows = page
            .data
            .into_iter()
            .filter(|row| row.at <= until && wanted(&row.provider));
        calls.extend(rows.map(|row| row.call(&args.models)));
        if is_last {
            return Ok(calls);
        }
        after = page.next;
    }
}

impl Row {
    fn call(self, models: &[(String, String)]) -> OurCall {
        let renamed = models.iter().find(|(deployment, _)| *deployment == self.provider_model);
        OurCall {
            exchange: self.id,
            provider_request_id: self.provider_request_id,
            provider_model: renamed.map_or(self.provider_model, |(_, model)| model.clone()),
            started_at: self.at,
            prompt_tokens: TokenCount::new(self.prompt_tokens),
            completion_tokens: TokenCount::new(self.completion_tokens),
            state: match self.state.as_str() {
                "answered" => OurState::Answered,
                "partial" => OurState::Partial,
                "failed" => OurState::Failed,
                "open" => OurState::UnderWay,
                _ => OurState::Unknown,
            },
        }
    }
}

fn told(found: &Reconciliation, from: Timestamp, until: Timestamp) -> String {
    let mut lines = vec![format!(
        "from {from} to {until}: {} agree on both sides",
        totals(found.matched)
    )];
    lines.extend(found.differences.iter().map(line));
    lines.extend(
        found
            .outside
            .iter()
            .map(|id| format!("{id}: at a time of which the report says nothing")),
    );
    let sum = if found.is_complete() {
        "every call and every token is accounted for"
    } else {
        "not everything is accounted for: see the lines marked UNEXPLAINED"
    };
    lines.push(sum.to_owned());
    lines.join("\n")
}

fn totals(totals: Totals) -> String {
    format!(
        "{} call(s), {} + {} tokens",
        totals.calls, totals.prompt_tokens, totals.completion_tokens
    )
}

fn line(difference: &Difference) -> String {
    let told = match difference {
        Difference::TheirsNotOurs { call, repeated, .. } => {
            let id = call.request_id.as_deref().unwrap_or("without an id");
            let repeated = if *repeated { ", a second time," } else { "" };
            format!(
                "line {}: billed{repeated} and not recorded here: {id}, {} at {}, {} + {}",
                call.line, call.model, call.at, call.prompt_tokens, call.completion_tokens
            )
        }
        Difference::OursNotTheirs { exchange, tokens, .. } => {
            format!("{exchange}: recorded here and not billed, {}", totals(*tokens))
        }
        Difference::Tokens {
            exchange,
            line,
            difference,
            ..
        } => format!(
            "{exchange}: line {line} bills {:+} prompt and {:+} completion tokens beyond the record",
            difference.prompt_tokens, difference.completion_tokens
        ),
        Difference::Span {
            span,
            difference,
            unexplained,
            ..
        } => format!(
            "{} from {} to {}: billed beyond the record {:+} call(s), {:+} prompt and {:+} completion tokens; \
             without a reason {:+} call(s), {:+} and {:+} tokens",
            span.model.as_deref().unwrap_or("all models"),
            span.start,
            span.end,
            difference.calls,
            difference.prompt_tokens,
            difference.completion_tokens,
            unexplained.calls,
            unexplained.prompt_tokens,
            unexplained.completion_tokens
        ),
    };
    let mark = if difference.is_explained() {
        "explained  "
    } else {
        "UNEXPLAINED"
    };
    let reasons: String = reasons(difference).iter().map(|by| reason(by)).collect();
    format!("{mark} {told}{reasons}")
}

fn reasons(difference: &Difference) -> Vec<&Explanation> {
    match difference {
        Difference::TheirsNotOurs { explained_by, .. }
        | Difference::OursNotTheirs { explained_by, .. }
        | Difference::Tokens { explained_by, .. } => explained_by.iter().collect(),
        Difference::Span { explained_by, .. } => explained_by.iter().collect(),
    }
}

fn reason(by: &Explanation) -> String {
    let why = match by.why {
        Why::OutcomeUnknown => "nobody here knows how it ended",
        Why::AnswerCutShort => "its answer was not read to the end",
        Why::CutShortNotBilled => "its answer was not read to the end, and it was not billed",
        Why::NotBilled => "it was not billed",
        Why::NextSpan => "it began right before the next span, in which it is billed",
        Why::SameTokens => "model, time and tokens agree, and one side lacks the id",
    };
    let ids: Vec<String> = by.exchanges.iter().map(ExchangeId::to_string).collect();
    let others = match by.alternatives {
        0 => String::new(),
        others => format!(" (or {others} other(s) like it)"),
    };
    format!("\n              {}: {why}{others}", ids.join(", "))
}
