//! What the handlers share.

use std::sync::Arc;

use cultivar_gateway::{Caller, Gateway};
use cultivar_store::DataDir;
use cultivar_telemetry::Telemetry;

/// The state of the server.
#[derive(Clone)]
pub struct App {
    /// The one door.
    pub gateway: Arc<Gateway>,
    /// What is counted.
    pub telemetry: Arc<Telemetry>,
    /// The data directory, for reports and the ledger's files.
    pub dir: DataDir,
    /// On whose behalf the chat page asks.
    pub page_caller: Caller,
    /// The model that the chat page talks to.
    pub page_model: String,
    /// What to click when nothing has been said yet.
    pub page_examples: Vec<String>,
}
