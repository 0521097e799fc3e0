//! `project`: projects of an organisation.

use cultivar_cli::{ProjectCommand, ProjectSettings};
use cultivar_record::Project;
use serde_json::{Value, json};

use super::limit_words;
use crate::{
    admin::{Ask, ask, object, part},
    config::Config,
    failure::Failure,
    terminal::Terminal,
};

pub(crate) fn run(command: ProjectCommand, config: &Config, terminal: &Terminal) -> Result<(), Failure> {
    let request = match command {
        ProjectCommand::List { org } => {
            let all: Vec<Project> = ask(config, Ask::get(path(&org)))?.rows()?;
            let lines: Vec<String> = all.iter().map(line).collect();
            terminal.list(&lines, &all, "no projects yet; see `cultivar project --help`");
            return Ok(());
        }
        ProjectCommand::Create { name, settings } => {
            let at = path(&settings.org);
            Ask::post(at, body(settings, Some(name), None))
        }
        ProjectCommand::Change {
            name,
            settings,
            no_limit,
        } => {
            let at = format!("{}/{}", path(&settings.org), part(&name));
            Ask::patch(at, body(settings, None, no_limit.then(|| json!({}))))
        }
        ProjectCommand::Archive { name, org } => Ask::delete(format!("{}/{}", path(&org), part(&name))),
    };
    let project: Project = ask(config, request)?.json()?;
    terminal.result(&line(&project), &project);
    Ok(())
}

fn path(organization: &str) -> String {
    format!("/api/organizations/{}/projects", part(organization))
}

fn body(settings: ProjectSettings, name: Option<String>, lifted: Option<Value>) -> Value {
    object([
        ("name", name.map(Value::from)),
        ("market", settings.market.map(|market| json!(market))),
        ("claim_key", settings.claim_key.map(Value::from)),
        ("limit", lifted.or_else(|| settings.limit.to_value())),
    ])
}

fn line(project: &Project) -> String {
    let market = project.market.as_ref().map_or("-", |market| market.as_str());
    let state = project
        .archived_at
        .map_or_else(|| "in use".to_owned(), |at| format!("archived {at}"));
    let limit = limit_words(&project.limit).map(|limit| format!(", limited to {limit}"));
    let limit = limit.unwrap_or_default();
    format!("{:<20} {market:<5} {}  {state}{limit}", project.name, project.id)
}
