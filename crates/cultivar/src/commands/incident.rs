//! `incident`: what providers said about one's own account with them.

use cultivar_cli::IncidentCommand;
use cultivar_record::Incident;
use serde_json::json;

use crate::{
    admin::{Ask, ask},
    config::Config,
    failure::Failure,
    terminal::Terminal,
};

pub(crate) fn run(command: IncidentCommand, config: &Config, terminal: &Terminal) -> Result<(), Failure> {
    match command {
        IncidentCommand::List => {
            let all: Vec<Incident> = ask(config, Ask::get("/api/incidents"))?.rows()?;
            let lines: Vec<String> = all.iter().map(line).collect();
            terminal.list(&lines, &all, "no incidents");
        }
        IncidentCommand::Close { id, by } => {
            let close = Ask::post(format!("/api/incidents/{id}/close"), json!({ "closed_by": by }));
            let incident: Incident = ask(config, close)?.json()?;
            terminal.result(&line(&incident), &incident);
        }
    }
    Ok(())
}

fn line(incident: &Incident) -> String {
    let state = match (&incident.closed_at, &incident.closed_by) {
        (Some(at), Some(by)) => format!("closed {at} by {by}"),
        _ => "open: it is not asked".to_owned(),
    };
    format!(
        "{}  {}  `{}` said {} ({})  {state}",
        incident.id, incident.at, incident.provider, incident.sign, incident.status
    )
}
