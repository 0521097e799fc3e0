//! Projects of organisations.

use cultivar_record::{OrganizationId, Project, ProjectId};

use super::{named, record_value};
use crate::{Statements, StoreError};

/// Adds a project.
///
/// # Errors
/// `store::exists` where the organisation has one of this name.
pub fn insert(tx: &mut dyn Statements, project: &Project) -> Result<(), StoreError> {
    let values = [
        project.id.to_string().into(),
        project.organization.to_string().into(),
        project.name.as_str().into(),
        record_value(project)?,
    ];
    let sql = "INSERT INTO project (id, organization, name, record) VALUES ($1, $2, $3, $4)";
    tx.execute(sql, &values)
        .map_err(|e| named(e, "project", &project.name))?;
    Ok(())
}

/// Replaces a project's record.
pub fn update(tx: &mut dyn Statements, project: &Project) -> Result<(), StoreError> {
    let values = [record_value(project)?, project.id.to_string().into()];
    let changed = tx.execute("UPDATE project SET record = $1 WHERE id = $2", &values)?;
    if changed == 1 {
        Ok(())
    } else {
        Err(missing(&project.id))
    }
}

/// The project of an organisation with this name, where there is one.
pub fn by_name(
    tx: &mut dyn Statements,
    organization: OrganizationId,
    name: &str,
) -> Result<Option<Project>, StoreError> {
    let values = [organization.to_string().into(), name.into()];
    let rows = tx.query(
        "SELECT record FROM project WHERE organization = $1 AND name = $2",
        &values,
    )?;
    rows.first().map(|row| row.record(0)).transpose()
}

/// All projects, oldest first.
pub fn list(tx: &mut dyn Statements) -> Result<Vec<Project>, StoreError> {
    let rows = tx.query("SELECT record FROM project ORDER BY id", &[])?;
    rows.iter().map(|row| row.record(0)).collect()
}

fn missing(id: &ProjectId) -> StoreError {
    StoreError::NotFound {
        what: "project",
        name: id.to_string(),
    }
}
