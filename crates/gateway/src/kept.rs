//! What was kept of answers, read back.

use cultivar_dialect::assemble;
use cultivar_record::{Digest, chat::Completion};
use cultivar_store::StoreError;

use crate::{Gateway, GatewayError};

impl Gateway {
    /// The chat completion that was kept under a digest, streamed or not.
    ///
    /// # Errors
    /// `store::corrupt_blob` where it is not kept or damaged; `store::unreadable_record` where it is no chat completion.
    pub fn completion(&self, answer: &Digest) -> Result<Completion, GatewayError> {
        self.journal.settle();
        let body = self.blobs.bytes(answer)?;
        if assemble::is_stream(&body) {
            assemble::completion(&body).ok_or_else(|| unreadable("it is a stream without an answer"))
        } else {
            serde_json::from_slice(&body).map_err(|_| unreadable("it is not a chat completion"))
        }
    }
}

fn unreadable(reason: &str) -> GatewayError {
    let reason = reason.to_owned();
    StoreError::UnreadableRecord { reason }.into()
}
