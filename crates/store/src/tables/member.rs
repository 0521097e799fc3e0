//! Members of organisations.

use cultivar_record::{Member, MemberId, OrganizationId};

use super::{named, record_value};
use crate::{Statements, StoreError};

/// Adds a member.
///
/// # Errors
/// `store::exists` where the organisation has one of this name.
pub fn insert(tx: &mut dyn Statements, member: &Member) -> Result<(), StoreError> {
    let values = [
        member.id.to_string().into(),
        member.organization.to_string().into(),
        member.name.as_str().into(),
        record_value(member)?,
    ];
    let sql = "INSERT INTO member (id, organization, name, record) VALUES ($1, $2, $3, $4)";
    tx.execute(sql, &values).map_err(|e| named(e, "member", &member.name))?;
    Ok(())
}

/// Replaces a member's record.
pub fn update(tx: &mut dyn Statements, member: &Member) -> Result<(), StoreError> {
    let values = [record_value(member)?, member.id.to_string().into()];
    let changed = tx.execute("UPDATE member SET record = $1 WHERE id = $2", &values)?;
    if changed == 1 { Ok(()) } else { Err(missing(&member.id)) }
}

/// The member of an organisation with this name, where there is one.
pub fn by_name(
    tx: &mut dyn Statements,
    organization: OrganizationId,
    name: &str,
) -> Result<Option<Member>, StoreError> {
    let values = [organization.to_string().into(), name.into()];
    let rows = tx.query(
        "SELECT record FROM member WHERE organization = $1 AND name = $2",
        &values,
    )?;
    rows.first().map(|row| row.record(0)).transpose()
}

/// All members, oldest first.
pub fn list(tx: &mut dyn Statements) -> Result<Vec<Member>, StoreError> {
    let rows = tx.query("SELECT record FROM member ORDER BY id", &[])?;
    rows.iter().map(|row| row.record(0)).collect()
}

fn missing(id: &MemberId) -> StoreError {
    StoreError::NotFound {
        what: "member",
        name: id.to_string(),
    }
}
