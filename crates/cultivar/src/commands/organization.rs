//! `org`: organisations.

use std::fmt::Write as _;

use cultivar_cli::{OrganizationChangeArgs, OrganizationCommand, StandingArgs};
use cultivar_record::{Market, Organization};
use serde_json::{Value, json};

use super::limit_words;
use crate::{
    admin::{Ask, ask, object, part},
    config::Config,
    failure::Failure,
    terminal::Terminal,
};

/// The market of an organisation about which nothing is said.
const USUAL_MARKET: &str = "US";

pub(crate) fn run(command: OrganizationCommand, config: &Config, terminal: &Terminal) -> Result<(), Failure> {
    let request = match command {
        OrganizationCommand::List => {
            let all: Vec<Organization> = ask(config, Ask::get("/api/organizations"))?.rows()?;
            let lines: Vec<String> = all.iter().map(line).collect();
            terminal.list(&lines, &all, "no organisations yet; see `cultivar org --help`");
            return Ok(());
        }
        OrganizationCommand::Create { name, settings } => {
            let mut body = changes(settings, [("name", Some(name.into()))]);
            if let Some(fields) = body.as_object_mut() {
                fields.entry("market").or_insert_with(|| USUAL_MARKET.into());
            }
            Ask::post("/api/organizations", body)
        }
        OrganizationCommand::Show { name } => Ask::get(path(&name)),
        OrganizationCommand::Change {
            name,
            change,
            no_limit,
            no_alert_url,
        } => {
            let lifted = no_limit.then(|| ("limit", Some(json!({}))));
            let silenced = no_alert_url.then(|| ("no_alert_url", Some(true.into())));
            let extra = [lifted, silenced].map(|field| field.unwrap_or(("", None)));
            Ask::patch(path(&name), changes(change, extra))
        }
        OrganizationCommand::Standing(args) => standing(args),
    };
    let organization: Organization = ask(config, request)?.json()?;
    terminal.result(&words(&organization), &organization);
    Ok(())
}

fn path(name: &str) -> String {
    format!("/api/organizations/{}", part(name))
}

fn changes<const N: usize>(settings: OrganizationChangeArgs, more: [(&str, Option<Value>); N]) -> Value {
    let residency = Some(settings.residency).filter(|markets| !markets.is_empty());
    let mut body = object([
        ("market", settings.market.map(|market| json!(market))),
        ("retention", settings.retention.map(|retention| json!(retention))),
        ("residency", residency.map(|markets| json!(markets))),
        ("alert_url", settings.alert_url.map(Value::from)),
        ("limit", settings.limit.to_value()),
    ]);
    if let (Some(fields), Value::Object(more)) = (body.as_object_mut(), object(more)) {
        fields.extend(more);
    }
    body
}

fn standing(args: StandingArgs) -> Ask {
    let case = args.reason.zip(args.case_id).map(|(reason, case_id)| {
        json!({ "reason": reason, "case_id": case_id, "until": args.until, "appeal_url": args.appeal_url })
    });
    let body = json!({ "standing": args.standing, "enforcement": case });
    Ask::put(format!("{}/standing", path(&args.name)), body)
}

fn line(organization: &Organization) -> String {
    format!(
        "{:<20} {:<5} {:<10} {}",
        organization.name,
        organization.market.as_str(),
        organization.standing.as_str(),
        organization.id
    )
}

fn words(organization: &Organization) -> String {
    let mut text = line(organization);
    let _ = write!(text, "\nretention {}", organization.retention);
    if !organization.residency.is_empty() {
        let places: Vec<&str> = organization.residency.iter().map(Market::as_str).collect();
        let _ = write!(text, ", data stay in {}", places.join(" "));
    }
    if let Some(limit) = limit_words(&organization.limit) {
        let _ = write!(text, "\nlimited to {limit}");
    }
    if let Some(url) = &organization.alert_url {
        let _ = write!(text, "\nalerts go to {url}");
    }
    if let Some(case) = &organization.enforcement {
        let _ = write!(text, "\ncase {}: {}", case.case_id, case.reason);
        if let Some(until) = case.until {
            let _ = write!(text, ", until {until}");
        }
    }
    text
}
