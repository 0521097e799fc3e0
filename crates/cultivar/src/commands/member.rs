//! `member`: people of an organisation.

use std::path::Path;

use cultivar_attest::SecretKey;
use cultivar_cli::MemberCommand;
use cultivar_record::{Ambient, Member};
use cultivar_store::files;
use serde_json::json;

use crate::{
    admin::{Ask, ask, part},
    config::Config,
    failure::{CliError, Failure},
    system::System,
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
        MemberCommand::Key {
            name,
            org,
            out,
            public,
            lost,
        } => {
            let path = format!("{}/{}/key", path(&org), part(&name));
            return match (out, public) {
                (Some(file), _) => make_key(&path, &file, lost, config, terminal),
                (None, public) => register_key(&path, public.unwrap_or_default(), lost, config, terminal),
            };
        }
        MemberCommand::Remove { name, org } => Ask::delete(format!("{}/{}", path(&org), part(&name))),
    };
    let member: Member = ask(config, request)?.json()?;
    terminal.result(&line(&member), &member);
    Ok(())
}

/// Makes a key for the person, and keeps its secret half nowhere but in the person's file.
fn make_key(path: &str, file: &Path, lost: bool, config: &Config, terminal: &Terminal) -> Result<(), Failure> {
    if files::read_if_any(file)?.is_some() {
        let reason = format!("`{}` exists: a key is never written over", file.display());
        return Err(CliError::Argument { reason }.into());
    }
    let key = SecretKey::from_seed(&System.entropy());
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    files::write_private(folder.unwrap_or(Path::new(".")), file, key.to_pem().as_bytes())?;
    let done = put_key(path, &key.public(), lost, config);
    // A key that nobody is known by would only mislead.
    if done.is_err() {
        files::remove(file)?;
    }
    let member = done?;
    let text = format!("{}\nsecret key: {}", line(&member), file.display());
    terminal.result(&text, &json!({ "member": member, "secret_key": file }));
    Ok(())
}

/// Registers a public key that the person has; a text that names a file is read from there.
fn register_key(path: &str, public: String, lost: bool, config: &Config, terminal: &Terminal) -> Result<(), Failure> {
    let public = match files::read_if_any(Path::new(&public)) {
        Ok(Some(bytes)) => String::from_utf8_lossy(&bytes).into_owned(),
        _ => public,
    };
    let member = put_key(path, &public, lost, config)?;
    terminal.result(&line(&member), &member);
    Ok(())
}

fn put_key(path: &str, public: &str, lost: bool, config: &Config) -> Result<Member, Failure> {
    ask(config, Ask::put(path, json!({ "public": public, "lost": lost })))?.json()
}

fn line(member: &Member) -> String {
    let roles: Vec<&str> = member.roles.iter().map(|role| role.as_str()).collect();
    let left = member.removed_at.map(|at| format!("  left {at}")).unwrap_or_default();
    let key = member.keys.last().filter(|key| key.until.is_none());
    let key = key
        .map(|key| format!("  signs with {}", key.public))
        .unwrap_or_default();
    format!("{:<24} {}{key}{left}", member.name, roles.join(", "))
}
