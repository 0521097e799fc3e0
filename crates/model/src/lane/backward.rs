//! The backward pass: each layer in reverse, with norms and activations made again rather than kept.

use super::{Dropout, Kept, Lane, Rows};
use crate::decoder::{Decoder, first, first_mut, linear_input_gradient, linear_weight_gradient, part, part_mut};
use crate::gemm::Into;
use crate::kernel::dropout::Mask;
use crate::kernel::rope::Turn;
use crate::kernel::{attention, rms_norm, swiglu};
use crate::layout::LayerLayout;

impl Lane {
    /// From the gradient of the last normed stream (`dnormed`) to that of every parameter (`gradient`).
    pub(super) fn backward(&mut self, decoder: &Decoder, weights: &[f32], rows: &Rows, dropout: Dropout) {
        let n = rows.tokens.len();
        let width = decoder.config.width;
        let dx = first_mut(&mut self.dx, n * width);
        dx.fill(0.0);
        rms_norm::backward(
            first(&self.last, n * width),
            part(weights, &decoder.layout.final_norm),
            first(&self.last_inverse, n),
            first(&self.dnormed, n * width),
            dx,
            part_mut(&mut self.gradient, &decoder.layout.final_norm),
        );
        let mut layers = std::mem::take(&mut self.kept);
        for (i, (layout, kept)) in decoder.layout.layers.iter().zip(&mut layers).enumerate().rev() {
            self.feed_forward_backward(decoder, layout, weights, n, dropout.mlp(i), kept);
            self.attend_backward(decoder, layout, weights, rows, dropout.attention(i), kept);
        }
        self.kept = layers;
        let dx = first_mut(&mut self.dx, n * width);
        if let Some(mask) = dropout.embedding() {
            mask.apply(dx);
        }
        let table = part_mut(&mut self.gradient, &decoder.layout.embedding);
        for (row, token) in dx.chunks_exact(width).zip(&rows.tokens) {
            let start = *token as usize * width;
            for (sum, d) in table.get_mut(start..start + width).into_iter().flatten().zip(row) {
                *sum += d;
            }
        }
    }

    fn feed_forward_backward(
        &mut self,
        decoder: &Decoder,
        layout: &LayerLayout,
        weights: &[f32],
        n: usize,
        mask: Option<Mask>,
        kept: &mut Kept,
    ) {
        let (width, hidden) = (decoder.config.width, decoder.config.hidden);
        let dx = first_mut(&mut self.dx, n * width);
        let dbranch = masked(dx, mask, &mut self.branch);
        let act = first_mut(&mut self.act, n * hidden);
        linear_input_gradient(act, dbranch, part(weights, &layout.down), n);
        let gate_up = first_mut(&mut kept.gate_up, n * 2 * hidden);
        swiglu::backward(gate_up, hidden, act);
        linear_weight_gradient(part_mut(&mut self.gradient, &layout.down), Into::Set, dbranch, act, n);

        let (middle, inverse) = (first(&kept.middle, n * width), first(&kept.mlp_inverse, n));
        let norm = part(weights, &layout.mlp_norm);
        let normed = first_mut(&mut self.normed, n * width);
        rms_norm::apply(middle, norm, inverse, normed);
        linear_weight_gradient(
            part_mut(&mut self.gradient, &layout.gate_up),
            Into::Set,
            gate_up,
            normed,
            n,
        );
        let dnormed = first_mut(&mut self.dnormed, n * width);
        linear_input_gradient(dnormed, gate_up, part(weights, &layout.gate_up), n);
        let dnorm = part_mut(&mut self.gradient, &layout.mlp_norm);
        rms_norm::backward(middle, norm, inverse, dnormed, dx, dnorm);
    }

    fn attend_backward(
        &mut self,
        decoder: &Decoder,
        layout: &LayerLayout,
        weights: &[f32],
        rows: &Rows,
        mask: Option<Mask>,
        kept: &mut Kept,
    ) {
        let (n, width, heads) = (rows.tokens.len(), decoder.config.width, decoder.config.attention());
        let dx = first_mut(&mut self.dx, n * width);
        let dbranch = masked(dx, mask, &mut self.branch);
        let found = first(&kept.found, n * heads.width());
        linear_weight_gradient(
            part_mut(&mut self.gradient, &layout.output),
            Into::Set,
            dbranch,
            found,
            n,
        );
        let dfound = first_mut(&mut self.dnormed, n * heads.width());
        linear_input_gradient(dfound, dbranch, part(weights, &layout.output), n);

        let dqkv = first_mut(&mut self.dqkv, n * heads.stride());
        for segment in &rows.segments {
            let per_token = |size: usize| segment.start * size..segment.end * size;
            let saved = attention::Saved {
                qkv: part(&kept.qkv, &per_token(heads.stride())),
                out: part(found, &per_token(heads.width())),
                log_sums: part(&kept.log_sums, &per_token(heads.queries)),
                dout: part(dfound, &per_token(heads.width())),
            };
            let dqkv = part_mut(dqkv, &per_token(heads.stride()));
            attention::backward(heads, &saved, dqkv, &mut self.scratch);
            decoder
                .rope
                .turn(dqkv, heads.stride(), heads.queries + heads.shared, 0, Turn::Backward);
        }

        let (x, inverse) = (first(&kept.x, n * width), first(&kept.attention_inverse, n));
        let norm = part(weights, &layout.attention_norm);
        let normed = first_mut(&mut self.normed, n * width);
        rms_norm::apply(x, norm, inverse, normed);
        linear_weight_gradient(part_mut(&mut self.gradient, &layout.qkv), Into::Set, dqkv, normed, n);
        let dnormed = first_mut(&mut self.dnormed, n * width);
        linear_input_gradient(dnormed, dqkv, part(weights, &layout.qkv), n);
        let dnorm = part_mut(&mut self.gradient, &layout.attention_norm);
        rms_norm::backward(x, norm, inverse, dnormed, dx, dnorm);
    }
}

/// The gradient of what was added to the stream: that of the stream, masked as it was in the forward pass.
fn masked<'a>(dx: &'a [f32], mask: Option<Mask>, branch: &'a mut [f32]) -> &'a [f32] {
    let Some(mask) = mask else { return dx };
    let branch = first_mut(branch, dx.len());
    branch.copy_from_slice(dx);
    mask.apply(branch);
    branch
}
