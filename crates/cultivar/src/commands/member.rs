//! `member`: people of an organisation.

use cultivar_record::Member;
use serde_json::json;

use crate::{
    admin::{Ask, ask, part},
    cli::MemberCommand,
    config::Config,
    failure::Failure,
    terminal::Terminal,
};

pub(crate) fn run(command: MemberCommand, config: &Config, terminal: &Terminal) -> Result<(), Failure> {
    let path = |organization: &str| format!("/api/organizations/{}/members", part(organization));
    let request = match command {
        MemberCommand::List { org } => {
            let all: Vec<Member> = ask(config, Ask::get(path(&org)))?.rows()?;
            let lines: Vec<String> = all.iter().map(line).collect();
            terminal.list(&lines, &all, "no members yet; see `cultivar member --help`");
            return Ok(());
        }
        MemberCommand::Add { name, org, role } => {
            Ask::put(format!("{}/{}", path(&org), part(&name)), json!({ "roles": role }))
        }
        MemberCommand::Remove { name, org } => Ask::delete(format!("{}/{}", path(&org), part(&name))),
    };
    let member: Member = ask(config, request)?.json()?;
    terminal.result(&line(&member), &member);
    Ok(())
}

fn line(member: &Member) -> String {
    let roles: Vec<&str> = member.roles.iter().map(|role| role.as_str()).collect();
    let left = member.removed_at.map(|at| format!("  left {at}")).unwrap_or_default();
    format!("{:<24} {}{left}", member.name, roles.join(", "))
}
