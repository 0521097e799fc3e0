//! One lane of a training step: the forward and backward pass of some whole conversations on one thread.
//!
//! Conversations lie one after the other in one array of tokens, without padding; only attention and positions know where
//! one ends. Every buffer is kept from step to step. A lane knows nothing of the other lanes, of the optimiser, or of text.

mod backward;
mod forward;

use std::ops::Range;

use crate::decoder::Decoder;
use crate::kernel::attention::Scratch;
use crate::kernel::cross_entropy::NO_TARGET;
use crate::kernel::dropout::Mask;

/// Rows of logits that exist at a time.
const LOGIT_ROWS: usize = 256;

/// The conversations of one lane in one step.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rows {
    /// Token ids, conversation after conversation.
    pub(crate) tokens: Vec<u32>,
    /// The token that each is to predict, or `NO_TARGET`.
    pub(crate) targets: Vec<u32>,
    /// The conversations.
    pub(crate) segments: Vec<Range<usize>>,
}

impl Rows {
    /// Adds a conversation: its tokens, and what each of them is to predict.
    pub(crate) fn push(&mut self, tokens: &[u32], targets: &[u32]) {
        let start = self.tokens.len();
        self.tokens.extend_from_slice(tokens);
        self.targets.extend_from_slice(targets);
        self.segments.push(start..self.tokens.len());
    }

    /// How many tokens have something to predict.
    pub(crate) fn target_count(&self) -> usize {
        self.targets.iter().filter(|target| **target != NO_TARGET).count()
    }

    /// Forgets everything but the room.
    pub(crate) fn clear(&mut self) {
        self.tokens.clear();
        self.targets.clear();
        self.segments.clear();
    }
}

/// What is dropped in one pass.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dropout {
    /// Share of numbers dropped, in [0, 1).
    pub(crate) rate: f32,
    /// Differs between steps and lanes.
    pub(crate) key: u64,
}

impl Dropout {
    /// No dropout: for evaluation.
    pub(crate) const NONE: Self = Self { rate: 0.0, key: 0 };

    /// The mask of the embeddings.
    fn embedding(self) -> Option<Mask> {
        Mask::new(self.rate, self.key)
    }

    /// The mask of what a layer's attention adds.
    fn attention(self, layer: usize) -> Option<Mask> {
        Mask::new(self.rate, self.key.wrapping_add(2 * layer as u64 + 1))
    }

    /// The mask of what a layer's feed-forward part adds.
    fn mlp(self, layer: usize) -> Option<Mask> {
        Mask::new(self.rate, self.key.wrapping_add(2 * layer as u64 + 2))
    }
}

/// What a layer keeps for its backward pass.
#[derive(Debug, Default)]
struct Kept {
    /// `[tokens, width]`: what the layer reads.
    x: Vec<f32>,
    /// `[tokens]`: inverse roots of the first norm.
    attention_inverse: Vec<f32>,
    /// `[tokens, (heads + 2 kv_heads) * head]`: after the rotary embedding.
    qkv: Vec<f32>,
    /// `[tokens, heads * head]`: what attention found.
    found: Vec<f32>,
    /// By segment, `[heads, tokens of the segment]`.
    log_sums: Vec<f32>,
    /// `[tokens, width]`: the stream between attention and feed-forward.
    middle: Vec<f32>,
    /// `[tokens]`: inverse roots of the second norm.
    mlp_inverse: Vec<f32>,
    /// `[tokens, 2 * hidden]`.
    gate_up: Vec<f32>,
}

/// The buffers of one lane.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    /// By layer.
    kept: Vec<Kept>,
    /// `[tokens, width]`: the stream after the last layer.
    last: Vec<f32>,
    /// `[tokens]`: inverse roots of the last norm.
    last_inverse: Vec<f32>,
    /// `[tokens, width]`: a normed stream.
    normed: Vec<f32>,
    /// `[tokens, hidden]`: the activation or its gradient.
    act: Vec<f32>,
    /// `[LOGIT_ROWS, vocab]`.
    logits: Vec<f32>,
    /// `[tokens, width]`: what a part adds to the stream, or its gradient.
    branch: Vec<f32>,
    /// `[tokens, width]`: the gradient of the stream.
    dx: Vec<f32>,
    /// `[tokens, width]`: the gradient of a normed stream.
    dnormed: Vec<f32>,
    /// `[tokens, (heads + 2 kv_heads) * head]`.
    dqkv: Vec<f32>,
    scratch: Scratch,
    /// `[parameters]`: the gradient of the loss.
    pub(crate) gradient: Vec<f32>,
}

impl Lane {
    /// Makes room for `tokens` tokens, and for the gradient where `gradient` parameters are to be trained.
    fn reserve(&mut self, decoder: &Decoder, tokens: usize) {
        let config = &decoder.config;
        if self.kept.is_empty() {
            self.kept.resize_with(config.layers, Kept::default);
            self.scratch = Scratch::new(config.context);
            self.logits = vec![0.0; LOGIT_ROWS * config.vocab];
        }
        if self.last_inverse.len() >= tokens {
            return;
        }
        let heads = config.attention();
        let grow = |buffer: &mut Vec<f32>, per_token: usize| buffer.resize(tokens * per_token, 0.0);
        for kept in &mut self.kept {
            grow(&mut kept.x, config.width);
            grow(&mut kept.attention_inverse, 1);
            grow(&mut kept.qkv, heads.stride());
            grow(&mut kept.found, heads.width());
            grow(&mut kept.log_sums, config.heads);
            grow(&mut kept.middle, config.width);
            grow(&mut kept.mlp_inverse, 1);
            grow(&mut kept.gate_up, 2 * config.hidden);
        }
        for buffer in [
            &mut self.last,
            &mut self.normed,
            &mut self.branch,
            &mut self.dx,
            &mut self.dnormed,
        ] {
            grow(buffer, config.width);
        }
        grow(&mut self.last_inverse, 1);
        grow(&mut self.act, config.hidden);
        grow(&mut self.dqkv, heads.stride());
    }

    /// Runs both passes. Leaves the gradient of `scale * loss` in `gradient` and returns the summed loss in nats.
    pub(crate) fn train(
        &mut self,
        decoder: &Decoder,
        weights: &[f32],
        rows: &Rows,
        dropout: Dropout,
        scale: f32,
    ) -> f64 {
        self.gradient.resize(decoder.layout.len, 0.0);
        self.gradient.fill(0.0);
        if rows.tokens.is_empty() {
            return 0.0;
        }
        self.reserve(decoder, rows.tokens.len());
        self.forward(decoder, weights, rows, dropout);
        let loss = self.loss_and_gradient(decoder, weights, rows, scale);
        self.backward(decoder, weights, rows, dropout);
        loss
    }

    /// Runs the forward pass without dropout. Returns the loss of each token in nats, 0 where there is no target.
    pub(crate) fn evaluate(&mut self, decoder: &Decoder, weights: &[f32], rows: &Rows) -> Vec<f64> {
        if rows.tokens.is_empty() {
            return Vec::new();
        }
        self.reserve(decoder, rows.tokens.len());
        self.forward(decoder, weights, rows, Dropout::NONE);
        self.losses(decoder, weights, rows)
    }
}

#[cfg(test)]
mod tests;
