//! No gateway: the mock itself.

use super::subject::{Context, Subject, load};

#[expect(clippy::unnecessary_wraps, reason = "all subjects have one shape")]
pub(super) fn start(context: &Context) -> Result<Subject, String> {
    Ok(Subject {
        version: "the mock provider".to_owned(),
        load: load(context.mock),
        id: context.mock_id,
        process: None,
    })
}
