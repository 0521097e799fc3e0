//! What leaves through the door.

use cultivar_record::chat::{Chunk, Completion};
use tokio::sync::mpsc;

use crate::GatewayError;

/// An answer: whole, or as it comes.
#[derive(Debug)]
pub enum Answer {
    /// The client did not ask for a stream. Its outcome is durable.
    Whole(Box<Completion>),
    /// The client asked for a stream. The chunk that ends the answer arrives once its outcome is durable; the end of the
    /// channel is the end of the stream. Dropping it tells the provider to stop.
    Stream(mpsc::Receiver<AnswerEvent>),
}

/// One event of a streamed answer.
#[derive(Debug)]
pub enum AnswerEvent {
    /// New text.
    Chunk(Box<Chunk>),
    /// The stream broke; nothing follows.
    Failed(GatewayError),
}
