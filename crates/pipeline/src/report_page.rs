//! The report as a page that stands alone: no script, no file beside it.

use cultivar_record::{Estimate, SubjectScore, Timestamp};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::{
    report::{ReportData, verdict},
    run_files::Metric,
};

/// Width of the plots, in SVG units.
const WIDTH: f64 = 640.0;
/// Where the plots begin: the names stand to the left.
const LEFT: f64 = 170.0;
/// Height of one row of an interval plot.
const ROW: f64 = 34.0;

/// Measures: key, title, what is better.
const MEASURES: [(&str, &str, &str); 3] = [
    ("bits_per_byte", "Bits per byte, whole conversations", "lower is better"),
    (
        "answer_bits_per_byte",
        "Bits per byte, the assistant's turns",
        "lower is better",
    ),
    (
        "chrf",
        "chrF of answers against the recorded ones",
        "0 to 100, higher is better",
    ),
];

pub(crate) fn page(data: &ReportData<'_>) -> Markup {
    let plan = &data.comparison.plan;
    let model = format!("{}@{}", data.pedigree.model, data.pedigree.version);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "Report of " (model) " · Cultivar" }
                link rel="icon" href="data:,";
                style { (PreEscaped(include_str!("../assets/report.css"))) }
            }
            body {
                main {
                    nav { a href="/chat" { "Chat" } " " a aria-current="page" href="/report" { "Report" } }
                    h1 { "How " code { (model) } " compares" }
                    p.quiet {
                        (plan.conversations) " held-out conversations; the plan was recorded at " (minute(plan.planned_at))
                        ", before the first answer. Intervals: " (percent(plan.confidence)) ", paired by conversation. "
                    }
                    ul {
                        @for sentence in data.comparison.scores.iter().skip(1).filter_map(|s| verdict(data.comparison, s)) {
                            li { (sentence.replace('`', "")) }
                        }
                    }
                    @for (key, title, better) in MEASURES { (measure(data, key, title, better)) }
                    (training(data))
                    (descent(data))
                }
            }
        }
    }
}

fn measure(data: &ReportData<'_>, key: &str, title: &str, better: &str) -> Markup {
    let scores = &data.comparison.scores;
    html! {
        section {
            h2 { (title) }
            figure {
                (interval_plot(scores, key))
                figcaption { (better) "; the bar is the " (percent(data.comparison.plan.confidence)) " interval" }
            }
            div.scroll { table {
                thead { tr {
                    th { "Model" } th.number { "Value" } th.number { "Interval" }
                    th.number { (data.pedigree.model) " minus this" } th.number { "Interval" }
                } }
                tbody { @for score in scores { (row(score, key)) } }
            } }
            p.quiet { "Method: " (method(scores, key)) "." }
        }
    }
}

fn row(score: &SubjectScore, key: &str) -> Markup {
    let own = score.estimates.get(key);
    let difference = score.difference_to_first.get(key);
    html! {
        tr {
            td { code { (score.subject) } }
            td.number { (own.map(value).unwrap_or_default()) }
            td.number { (own.map(interval).unwrap_or_default()) }
            td.number { (difference.map(value).unwrap_or_default()) }
            td.number { (difference.map(interval).unwrap_or_default()) }
        }
    }
}

/// A moment to the minute: `2026-11-24 11:17 UTC`.
fn minute(at: Timestamp) -> String {
    let text = at.to_string();
    let (day, time) = (text.get(..10).unwrap_or_default(), text.get(11..16).unwrap_or_default());
    format!("{day} {time} UTC")
}

/// Three places, with a minus sign where there is one.
fn places(number: f64) -> String {
    format!("{number:.3}").replace('-', "\u{2212}")
}

fn value(estimate: &Estimate) -> String {
    places(estimate.value)
}

fn interval(estimate: &Estimate) -> String {
    format!("{} to {}", places(estimate.low), places(estimate.high))
}

fn method(scores: &[SubjectScore], key: &str) -> String {
    let estimate = scores.first().and_then(|score| score.estimates.get(key));
    estimate
        .map(|e| format!("{}, {} conversations", e.method, e.n))
        .unwrap_or_default()
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// One row per subject on a common axis from zero.
fn interval_plot(scores: &[SubjectScore], key: &str) -> Markup {
    let rows: Vec<(&str, &Estimate)> = scores
        .iter()
        .filter_map(|score| Some((score.subject.as_str(), score.estimates.get(key)?)))
        .collect();
    let most = rows.iter().map(|(_, e)| e.high).fold(f64::MIN_POSITIVE, f64::max) * 1.1;
    let x = |v: f64| format!("{:.1}", LEFT + (WIDTH - LEFT - 60.0) * v.max(0.0) / most);
    let height = ROW * f64::from(u32::try_from(rows.len()).unwrap_or(0));
    html! {
        svg viewBox={ "0 0 " (WIDTH) " " (height) } role="img" aria-label={ (key) " per model with intervals" } {
            @for (at, (name, estimate)) in (0_u32..).zip(&rows) {
                @let y = ROW * (f64::from(at) + 0.5);
                line.axis x1=(LEFT) x2=(WIDTH - 60.0) y1=(y) y2=(y) {}
                text x="0" y=(y + 4.0) { (name) }
                line.interval x1=(x(estimate.low)) x2=(x(estimate.high)) y1=(y) y2=(y) {}
                circle.value cx=(x(estimate.value)) cy=(y) r="5" {}
                text x=(WIDTH) y=(y + 4.0) text-anchor="end" { (value(estimate)) }
            }
        }
    }
}

fn training(data: &ReportData<'_>) -> Markup {
    let Some(last) = data.metrics.last() else {
        return html! {};
    };
    html! {
        section {
            h2 { "Training" }
            figure {
                (loss_curve(data.metrics, last))
                figcaption {
                    "Loss in nats per token over " (format!("{:.0}", last.seconds)) " seconds: "
                    (last.step) " steps, " (last.tokens) " tokens, "
                    (format!("{:.0}", per_second(last))) " tokens per second."
                }
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "tokens of a run are far below 2^52")]
fn per_second(last: &Metric) -> f64 {
    last.tokens as f64 / last.seconds.max(0.001)
}

fn loss_curve(metrics: &[Metric], last: &Metric) -> Markup {
    const HEIGHT: f64 = 180.0;
    let most = metrics.iter().map(|m| m.loss).fold(f64::MIN_POSITIVE, f64::max);
    let point = |m: &Metric| {
        let x = 40.0 + (WIDTH - 50.0) * m.seconds / last.seconds.max(0.001);
        let y = 10.0 + (HEIGHT - 30.0) * (1.0 - m.loss / most);
        format!("{x:.1},{y:.1}")
    };
    let points: Vec<String> = metrics.iter().map(point).collect();
    html! {
        svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label="Loss over time" {
            line.axis x1="40" x2=(WIDTH - 10.0) y1=(HEIGHT - 20.0) y2=(HEIGHT - 20.0) {}
            text.small x="0" y="18" { (format!("{most:.1}")) }
            text.small x="0" y=(HEIGHT - 16.0) { "0" }
            text.small x="40" y=(HEIGHT - 4.0) { "0 s" }
            text.small x=(WIDTH - 10.0) y=(HEIGHT - 4.0) text-anchor="end" { (format!("{:.0} s", last.seconds)) }
            polyline.curve points=(points.join(" ")) {}
        }
    }
}

fn descent(data: &ReportData<'_>) -> Markup {
    html! {
        section {
            h2 #descent { "What it descends from" }
            ul {
                @for dataset in &data.pedigree.datasets {
                    li {
                        "Dataset " code { (dataset.name) "@" (dataset.version) } ", entry " (dataset.leaf) " of the ledger: "
                        code { (dataset.digest) }
                        ul {
                            @for set in &dataset.exchange_sets {
                                li { (set.exchanges) " exchanges with " code { (set.provider) } " under " code { (set.terms) } }
                            }
                            @for dropped in &data.dataset.dropped {
                                li { "left out, " (dropped.reason.replace('_', " ")) ": " (dropped.conversations) }
                            }
                        }
                    }
                }
                @for terms in &data.pedigree.terms {
                    li { "Terms: " (terms.name) " (" code { (terms.key) } ", effective " (terms.effective) ")" }
                }
                li { "Weights: " code { (data.pedigree.weights) } }
                li { "Recipe: " code { (data.pedigree.recipe) } }
            }
            p.quiet { a href={ "/models/" (data.pedigree.model) "/pedigree.json" } { "The signed pedigree" } }
        }
    }
}
