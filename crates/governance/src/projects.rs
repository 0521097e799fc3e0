//! Projects of an organisation.

use cultivar_attest::{public_key, public_key_text};
use cultivar_gateway::{Act, Gateway, GatewayError};
use cultivar_record::{EntryKind, Limit, Market, OrganizationId, Project, ProjectId};
use cultivar_store::tables;

use crate::{GovernanceError, not_found};

/// What is set of a project; what is `None` stays, or is at its default where the project is new.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProjectChange {
    /// The market from which it asks.
    pub market: Option<Market>,
    /// What all its keys together may use.
    pub limit: Option<Limit>,
    /// The Ed25519 public key, base64, of the application that may claim a market; an empty text for none.
    pub claim_key: Option<String>,
    /// Whether its keys are no longer served.
    pub archived: bool,
}

/// Creates a project, or changes the one with this name. Requests see it at once.
///
/// # Errors
/// `invalid_request` where the claim key is no Ed25519 public key in base64.
pub async fn put_project(
    gateway: &Gateway,
    organization: OrganizationId,
    name: &str,
    change: ProjectChange,
) -> Result<Project, GovernanceError> {
    let key = change.claim_key.as_deref().filter(|key| !key.is_empty());
    let key = match key {
        Some(key) => Some(public_key_text(&public_key(key).map_err(|_| no_key())?)),
        None => None,
    };
    let known = gateway
        .store()
        .read(|tx| tables::project::by_name(tx, organization, name))?;
    let ambient = gateway.ambient();
    let base = known.clone().unwrap_or_else(|| Project {
        id: ProjectId::new(ambient),
        organization,
        name: name.to_owned(),
        market: None,
        limit: Limit::default(),
        claim_key: None,
        created_at: ambient.now(),
        archived_at: None,
    });
    let project = Project {
        market: change.market.or_else(|| base.market.clone()),
        limit: change.limit.unwrap_or_else(|| base.limit.clone()),
        claim_key: match change.claim_key {
            None => base.claim_key.clone(),
            Some(_) => key,
        },
        archived_at: base.archived_at.or_else(|| change.archived.then(|| ambient.now())),
        ..base
    };
    if known.as_ref() == Some(&project) {
        return Ok(project);
    }
    let is_new = known.is_none();
    let act = Act::new(EntryKind::ProjectChanged, organization, project.id);
    gateway
        .act(act, project.clone(), move |tx, row| {
            let written = if is_new {
                tables::project::insert(tx, row)
            } else {
                tables::project::update(tx, row)
            };
            written.map(|()| true)
        })
        .await?;
    gateway.takes_effect()?;
    Ok(project)
}

/// The project of an organisation with this name.
///
/// # Errors
/// `store::not_found`.
pub fn project(gateway: &Gateway, organization: OrganizationId, name: &str) -> Result<Project, GovernanceError> {
    let known = gateway
        .store()
        .read(|tx| tables::project::by_name(tx, organization, name))?;
    known.ok_or_else(|| not_found("project", name))
}

fn no_key() -> GatewayError {
    GatewayError::InvalidRequest {
        message: "the claim key must be the 32 bytes of an Ed25519 public key in base64".to_owned(),
        param: Some("claim_key".to_owned()),
    }
}
