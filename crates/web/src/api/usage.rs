//! What was used: counts, tokens and money, by whom and when. Counted with the outcomes, in the same commit.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    str::FromStr,
    sync::Arc,
};

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use cultivar_gateway::Gateway;
use cultivar_record::Timestamp;
use cultivar_store::tables::{
    self,
    usage::{UsageKey, UsageRow},
};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use utoipa::{IntoParams, ToSchema};

use super::{
    Refusal,
    extract::{Administrator, Query},
    read,
    refusal::{NoSuch, Refusals},
    shapes::Moment,
    text,
};

/// By what a report is broken down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Organization,
    Project,
    Key,
    Model,
    Provider,
    Market,
    Purpose,
    Hour,
    Day,
    Month,
}

impl By {
    const ALL: [(&'static str, Self); 10] = [
        ("organization", Self::Organization),
        ("project", Self::Project),
        ("key", Self::Key),
        ("model", Self::Model),
        ("provider", Self::Provider),
        ("market", Self::Market),
        ("purpose", Self::Purpose),
        ("hour", Self::Hour),
        ("day", Self::Day),
        ("month", Self::Month),
    ];

    /// Characters of a moment's text that name its hour, day or month.
    const fn characters(self) -> Option<usize> {
        match self {
            Self::Month => Some(7),
            Self::Day => Some(10),
            Self::Hour => Some(13),
            _ => None,
        }
    }
}

impl FromStr for By {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|(name, _)| *name == text);
        let names = Self::ALL.map(|(name, _)| name).join(", ");
        found
            .map(|(_, by)| by)
            .ok_or_else(|| format!("name some of {names}, with commas between"))
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Json,
    Csv,
}

/// Which usage, and how it is broken down.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Some of organization, project, key, model, provider, market, purpose, and one of hour, day, month; with commas between.
    #[serde(default, deserialize_with = "list")]
    #[param(value_type = Option<String>, pattern = "^(organization|project|key|model|provider|market|purpose|hour|day|month)(,(organization|project|key|model|provider|market|purpose))*$")]
    by: Vec<By>,
    /// From this moment, to its hour.
    #[param(value_type = Option<Moment>)]
    from: Option<Timestamp>,
    /// Until before this moment.
    #[param(value_type = Option<Moment>)]
    until: Option<Timestamp>,
    /// The name of an organisation; all where none is named.
    organization: Option<String>,
    /// `json` or `csv`.
    #[serde(default)]
    #[param(inline)]
    format: Format,
}

fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<By>, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.split(',')
        .map(|word| word.parse().map_err(D::Error::custom))
        .collect()
}

/// What was used.
#[derive(Serialize, ToSchema)]
pub(super) struct Report {
    /// One row for each combination that occurs; a single one where nothing is broken down.
    data: Vec<Used>,
}

/// What was used by one combination. What the report is not broken down by is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
struct Used {
    /// The hour (`2026-11-24T11`), day (`2026-11-24`) or month (`2026-11`), in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<String>,
    /// By name.
    #[serde(skip_serializing_if = "Option::is_none")]
    organization: Option<String>,
    /// By name; empty where the key belongs to none.
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<String>,
    /// By id.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    market: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purpose: Option<String>,
    /// Attempts, answered or not.
    requests: u64,
    /// Attempts without an answer.
    unanswered: u64,
    /// Tokens of requests.
    prompt_tokens: u64,
    /// Tokens of answers.
    completion_tokens: u64,
    /// What they cost, in millionths of a US dollar.
    cost_micro_usd: i64,
}

/// Report what was used.
#[utoipa::path(get, path = "/api/usage", operation_id = "report_usage", tag = "admin", params(Wanted),
    responses((status = 200, description = "The report.", content((Report = "application/json"), (String = "text/csv"))), Refusals, NoSuch))]
pub(super) async fn report(
    State(gateway): State<Arc<Gateway>>,
    _: Administrator,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Refusal> {
    let periods = wanted.by.iter().filter(|by| by.characters().is_some());
    if periods.count() > 1 {
        return Err(Refusal::invalid("name one of hour, day and month", Some("by")));
    }
    let from = wanted.from.unwrap_or_else(|| Timestamp::from_micros(0));
    let until = wanted.until.unwrap_or_else(|| Timestamp::from_micros(i64::MAX));
    let organization = wanted
        .organization
        .map(|name| gateway.organization(&name))
        .transpose()?;
    let organization = organization.map(|organization| organization.id.to_string());
    let rows = read(&gateway, move |tx| tables::usage::between(tx, from, until)).await?;
    let rows = rows
        .into_iter()
        .filter(|(key, _)| organization.as_ref().is_none_or(|id| *id == key.organization));
    let data = broken_down(rows, &wanted.by, &names(&gateway).await?);
    Ok(match wanted.format {
        Format::Json => Json(Report { data }).into_response(),
        Format::Csv => text("text/csv; charset=utf-8", csv(&data, &wanted.by)).into_response(),
    })
}

/// Names of organisations and projects, by id.
async fn names(gateway: &Arc<Gateway>) -> Result<HashMap<String, String>, Refusal> {
    let organizations = read(gateway, tables::organization::list).await?.into_iter();
    let projects = read(gateway, tables::project::list).await?.into_iter();
    let organizations = organizations.map(|row| (row.id.to_string(), row.name));
    let projects = projects.map(|row| (row.id.to_string(), row.name));
    Ok(organizations.chain(projects).collect())
}

fn broken_down(
    rows: impl Iterator<Item = (UsageKey, UsageRow)>,
    by: &[By],
    names: &HashMap<String, String>,
) -> Vec<Used> {
    let mut sums: BTreeMap<Used, UsageRow> = BTreeMap::new();
    if by.is_empty() {
        sums.insert(Used::default(), UsageRow::default());
    }
    for (key, row) in rows {
        let sum = sums.entry(combination(&key, by, names)).or_default();
        sum.requests += row.requests;
        sum.unanswered += row.unanswered;
        sum.usage.prompt = sum.usage.prompt + row.usage.prompt;
        sum.usage.completion = sum.usage.completion + row.usage.completion;
        sum.cost = sum.cost + row.cost;
    }
    let used = |(combination, sum): (Used, UsageRow)| Used {
        requests: sum.requests,
        unanswered: sum.unanswered,
        prompt_tokens: sum.usage.prompt.get(),
        completion_tokens: sum.usage.completion.get(),
        cost_micro_usd: sum.cost.get(),
        ..combination
    };
    sums.into_iter().map(used).collect()
}

fn combination(key: &UsageKey, by: &[By], names: &HashMap<String, String>) -> Used {
    let called = |id: &String| names.get(id).unwrap_or(id).clone();
    let mut used = Used::default();
    for by in by {
        match by {
            By::Organization => used.organization = Some(called(&key.organization)),
            By::Project => used.project = Some(called(&key.project)),
            By::Key => used.key = Some(key.api_key.clone()),
            By::Model => used.model = Some(key.model.clone()),
            By::Provider => used.provider = Some(key.provider.clone()),
            By::Market => used.market = Some(key.market.clone()),
            By::Purpose => used.purpose = Some(key.purpose.clone()),
            By::Hour | By::Day | By::Month => {
                let most = by.characters().unwrap_or_default();
                used.period = Some(key.hour.to_string().chars().take(most).collect());
            }
        }
    }
    used
}

/// RFC 4180, with the names of the columns in its first line.
fn csv(rows: &[Used], by: &[By]) -> String {
    let column = |name: &'static str, wanted: bool, value: fn(&Used) -> Option<&String>| (name, wanted, value);
    let has = |wanted: By| by.contains(&wanted);
    let columns = [
        column("period", has(By::Hour) || has(By::Day) || has(By::Month), |row| {
            row.period.as_ref()
        }),
        column("organization", has(By::Organization), |row| row.organization.as_ref()),
        column("project", has(By::Project), |row| row.project.as_ref()),
        column("key", has(By::Key), |row| row.key.as_ref()),
        column("model", has(By::Model), |row| row.model.as_ref()),
        column("provider", has(By::Provider), |row| row.provider.as_ref()),
        column("market", has(By::Market), |row| row.market.as_ref()),
        column("purpose", has(By::Purpose), |row| row.purpose.as_ref()),
    ];
    let columns: Vec<_> = columns.into_iter().filter(|(_, wanted, _)| *wanted).collect();
    let counts = [
        "requests",
        "unanswered",
        "prompt_tokens",
        "completion_tokens",
        "cost_micro_usd",
    ];
    let head = columns
        .iter()
        .map(|(name, ..)| *name)
        .chain(counts)
        .map(str::to_owned)
        .collect();
    let line = |row: &Used| {
        let named = columns
            .iter()
            .map(|(_, _, value)| value(row).cloned().unwrap_or_default());
        let counted: [&dyn fmt::Display; 5] = [
            &row.requests,
            &row.unanswered,
            &row.prompt_tokens,
            &row.completion_tokens,
            &row.cost_micro_usd,
        ];
        named.chain(counted.map(ToString::to_string)).collect()
    };
    let lines: Vec<Vec<String>> = std::iter::once(head).chain(rows.iter().map(line)).collect();
    let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
    for line in lines {
        // Nothing fails that writes to memory lines of one length.
        let _ = writer.write_record(line);
    }
    writer
        .into_inner()
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .unwrap_or_default()
}
