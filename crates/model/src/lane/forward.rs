//! The forward pass and the loss.

use super::{Dropout, Kept, LOGIT_ROWS, Lane, Rows};
use crate::decoder::{
    Decoder, first, first_mut, linear, linear_input_gradient, linear_weight_gradient, part, part_mut,
};
use crate::gemm::Into;
use crate::kernel::dropout::Mask;
use crate::kernel::rope::Turn;
use crate::kernel::{attention, cross_entropy, rms_norm, swiglu};
use crate::layout::LayerLayout;

impl Lane {
    /// Fills the buffers from the embedding to the last norm.
    pub(super) fn forward(&mut self, decoder: &Decoder, weights: &[f32], rows: &Rows, dropout: Dropout) {
        let n = rows.tokens.len();
        let width = decoder.config.width;
        let mut layers = std::mem::take(&mut self.kept);
        if let Some(kept) = layers.first_mut() {
            let x = first_mut(&mut kept.x, n * width);
            decoder.embed(weights, &rows.tokens, x);
            if let Some(mask) = dropout.embedding() {
                mask.apply(x);
            }
        }
        for (i, layout) in decoder.layout.layers.iter().enumerate() {
            let Some((kept, after)) = layers.get_mut(i..).and_then(<[Kept]>::split_first_mut) else {
                break;
            };
            self.attend(decoder, layout, weights, rows, dropout.attention(i), kept);
            let mut last = std::mem::take(&mut self.last);
            let out = after.first_mut().map_or(&mut last, |next| &mut next.x);
            self.feed_forward(decoder, layout, weights, n, dropout.mlp(i), kept, out);
            self.last = last;
        }
        self.kept = layers;
        rms_norm::forward(
            first(&self.last, n * width),
            part(weights, &decoder.layout.final_norm),
            decoder.config.norm_epsilon,
            first_mut(&mut self.last_inverse, n),
            first_mut(&mut self.normed, n * width),
        );
    }

    /// `middle = x + attention(norm(x))`.
    fn attend(
        &mut self,
        decoder: &Decoder,
        layout: &LayerLayout,
        weights: &[f32],
        rows: &Rows,
        mask: Option<Mask>,
        kept: &mut Kept,
    ) {
        let (n, width, heads) = (rows.tokens.len(), decoder.config.width, decoder.config.attention());
        let x = first(&kept.x, n * width);
        let normed = first_mut(&mut self.normed, n * width);
        let norm = part(weights, &layout.attention_norm);
        rms_norm::forward(
            x,
            norm,
            decoder.config.norm_epsilon,
            first_mut(&mut kept.attention_inverse, n),
            normed,
        );
        let qkv = first_mut(&mut kept.qkv, n * heads.stride());
        linear(qkv, Into::Set, normed, part(weights, &layout.qkv), n);
        let found = first_mut(&mut kept.found, n * heads.width());
        for segment in &rows.segments {
            let per_token = |size: usize| segment.start * size..segment.end * size;
            let qkv = part_mut(qkv, &per_token(heads.stride()));
            decoder
                .rope
                .turn(qkv, heads.stride(), heads.queries + heads.shared, 0, Turn::Forward);
            let found = part_mut(found, &per_token(heads.width()));
            let log_sums = part_mut(&mut kept.log_sums, &per_token(heads.queries));
            attention::forward(heads, qkv, found, log_sums, &mut self.scratch);
        }
        let middle = first_mut(&mut kept.middle, n * width);
        middle.copy_from_slice(x);
        add_branch(middle, found, part(weights, &layout.output), n, mask, &mut self.branch);
    }

    /// `out = middle + mlp(norm(middle))`.
    #[expect(
        clippy::too_many_arguments,
        reason = "a layer's inputs, its buffers and where it writes"
    )]
    fn feed_forward(
        &mut self,
        decoder: &Decoder,
        layout: &LayerLayout,
        weights: &[f32],
        n: usize,
        mask: Option<Mask>,
        kept: &mut Kept,
        out: &mut [f32],
    ) {
        let (width, hidden) = (decoder.config.width, decoder.config.hidden);
        let middle = first(&kept.middle, n * width);
        let normed = first_mut(&mut self.normed, n * width);
        let norm = part(weights, &layout.mlp_norm);
        rms_norm::forward(
            middle,
            norm,
            decoder.config.norm_epsilon,
            first_mut(&mut kept.mlp_inverse, n),
            normed,
        );
        let gate_up = first_mut(&mut kept.gate_up, n * 2 * hidden);
        linear(gate_up, Into::Set, normed, part(weights, &layout.gate_up), n);
        let act = first_mut(&mut self.act, n * hidden);
        swiglu::forward(gate_up, hidden, act);
        let out = first_mut(out, n * width);
        out.copy_from_slice(middle);
        add_branch(out, act, part(weights, &layout.down), n, mask, &mut self.branch);
    }

    /// Loss over blocks of rows, so that all logits never exist at once. Leaves the gradient of the normed stream in
    /// `dnormed` and that of the output layer in `gradient`.
    pub(super) fn loss_and_gradient(&mut self, decoder: &Decoder, weights: &[f32], rows: &Rows, scale: f32) -> f64 {
        let (n, width, vocab) = (rows.tokens.len(), decoder.config.width, decoder.config.vocab);
        let head = part(weights, &decoder.layout.head);
        let dhead = part_mut(&mut self.gradient, &decoder.layout.head);
        let blocks = first(&self.normed, n * width).chunks(LOGIT_ROWS * width);
        let dblocks = first_mut(&mut self.dnormed, n * width).chunks_mut(LOGIT_ROWS * width);
        let mut loss = 0.0;
        for ((x, dx), targets) in blocks.zip(dblocks).zip(rows.targets.chunks(LOGIT_ROWS)) {
            let count = targets.len();
            let logits = first_mut(&mut self.logits, count * vocab);
            linear(logits, Into::Set, x, head, count);
            loss += cross_entropy::loss_and_gradient(logits, vocab, targets, scale);
            linear_input_gradient(dx, logits, head, count);
            linear_weight_gradient(dhead, Into::Add, logits, x, count);
        }
        loss
    }

    /// The loss of each token in nats.
    pub(super) fn losses(&mut self, decoder: &Decoder, weights: &[f32], rows: &Rows) -> Vec<f64> {
        let (n, width, vocab) = (rows.tokens.len(), decoder.config.width, decoder.config.vocab);
        let head = part(weights, &decoder.layout.head);
        let mut nats = vec![0.0; n];
        let blocks = first(&self.normed, n * width).chunks(LOGIT_ROWS * width);
        for ((x, nats), targets) in blocks
            .zip(nats.chunks_mut(LOGIT_ROWS))
            .zip(rows.targets.chunks(LOGIT_ROWS))
        {
            let logits = first_mut(&mut self.logits, targets.len() * vocab);
            linear(logits, Into::Set, x, head, targets.len());
            cross_entropy::losses(logits, vocab, targets, nats);
        }
        nats
    }
}

/// `stream += mask * (x * weight^T)`.
fn add_branch(stream: &mut [f32], x: &[f32], weight: &[f32], n: usize, mask: Option<Mask>, branch: &mut [f32]) {
    let Some(mask) = mask else {
        linear(stream, Into::Add, x, weight, n);
        return;
    };
    let branch = first_mut(branch, stream.len());
    linear(branch, Into::Set, x, weight, n);
    mask.add(branch, stream);
}
