//! `approval`: decisions that a model of one's own may be offered in a market.

use cultivar_record::Approval;
use serde_json::{Value, json};

use crate::{
    admin::{Ask, ask, object},
    cli::ApprovalCommand,
    config::Config,
    failure::Failure,
    terminal::Terminal,
};

pub(crate) fn run(command: ApprovalCommand, config: &Config, terminal: &Terminal) -> Result<(), Failure> {
    let request = match command {
        ApprovalCommand::List => {
            let all: Vec<Approval> = ask(config, Ask::get("/api/approvals"))?.rows()?;
            let lines: Vec<String> = all.iter().map(line).collect();
            terminal.list(&lines, &all, "no approvals yet; see `cultivar approval --help`");
            return Ok(());
        }
        ApprovalCommand::Grant {
            model,
            market,
            by,
            reference,
            expires,
        } => {
            let body = object([
                ("model", Some(Value::from(model))),
                ("market", Some(json!(market))),
                ("granted_by", Some(by.into())),
                ("reference", Some(reference.into())),
                ("expires_at", expires.map(|at| json!(at))),
            ]);
            Ask::post("/api/approvals", body)
        }
        ApprovalCommand::Revoke { id } => Ask::delete(format!("/api/approvals/{id}")),
    };
    let approval: Approval = ask(config, request)?.json()?;
    terminal.result(&line(&approval), &approval);
    Ok(())
}

fn line(approval: &Approval) -> String {
    let state = match (approval.revoked_at, approval.expires_at) {
        (Some(at), _) => format!("revoked {at}"),
        (None, Some(at)) => format!("until {at}"),
        (None, None) => "in force".to_owned(),
    };
    format!(
        "{}  `{}` in {}, by {}: {}  {state}",
        approval.id, approval.model, approval.market, approval.granted_by, approval.reference
    )
}
