//! Reads tokens one after the other, keeping the keys and values of those already read.
//!
//! Knows token ids and logits, not text; the same numbers as the training pass, checked by a test.

use crate::decoder::{Decoder, first, first_mut, linear, part};
use crate::gemm::Into;
use crate::kernel::exp::exp;
use crate::kernel::reduce::{dot, max, sum};
use crate::kernel::rope::Turn;
use crate::kernel::{rms_norm, swiglu, vectorised};

/// The keys and values of one layer, `[context, kv_heads * head]` each.
struct Cache {
    keys: Vec<f32>,
    values: Vec<f32>,
}

/// One reading.
pub(crate) struct Session<'a> {
    decoder: &'a Decoder,
    weights: &'a [f32],
    caches: Vec<Cache>,
    length: usize,
}

impl<'a> Session<'a> {
    pub(crate) fn new(decoder: &'a Decoder, weights: &'a [f32]) -> Self {
        let config = &decoder.config;
        let size = config.context * config.kv_heads * config.head();
        let cache = || Cache {
            keys: vec![0.0; size],
            values: vec![0.0; size],
        };
        Self {
            decoder,
            weights,
            caches: (0..config.layers).map(|_| cache()).collect(),
            length: 0,
        }
    }

    /// Numbers of a row of logits.
    pub(crate) const fn vocab(&self) -> usize {
        self.decoder.config.vocab
    }

    /// Tokens that can still be read.
    pub(crate) fn room(&self) -> usize {
        self.decoder.config.context - self.length
    }

    /// Reads tokens, at most [`room`](Self::room) of them; returns the normed stream of each, `[tokens, width]`.
    pub(crate) fn read(&mut self, tokens: &[u32]) -> Vec<f32> {
        let decoder = self.decoder;
        let config = &decoder.config;
        let tokens = tokens.get(..self.room()).unwrap_or(tokens);
        let n = tokens.len();
        let mut x = vec![0.0; n * config.width];
        decoder.embed(self.weights, tokens, &mut x);
        let mut normed = vec![0.0; n * config.width];
        let mut inverse = vec![0.0; n];
        let mut gate_up = vec![0.0; n * 2 * config.hidden];
        let mut act = vec![0.0; n * config.hidden];
        let mut norm = |x: &[f32], weight: &[f32], normed: &mut [f32]| {
            rms_norm::forward(x, weight, config.norm_epsilon, &mut inverse, normed);
        };
        for (layout, cache) in decoder.layout.layers.iter().zip(&mut self.caches) {
            norm(&x, part(self.weights, &layout.attention_norm), &mut normed);
            let found = attend(decoder, cache, self.length, n, &normed, part(self.weights, &layout.qkv));
            linear(&mut x, Into::Add, &found, part(self.weights, &layout.output), n);
            norm(&x, part(self.weights, &layout.mlp_norm), &mut normed);
            linear(&mut gate_up, Into::Set, &normed, part(self.weights, &layout.gate_up), n);
            swiglu::forward(&gate_up, config.hidden, &mut act);
            linear(&mut x, Into::Add, &act, part(self.weights, &layout.down), n);
        }
        norm(&x, part(self.weights, &decoder.layout.final_norm), &mut normed);
        self.length += n;
        normed
    }

    /// The logits `[rows, vocab]` of normed streams `[rows, width]`.
    pub(crate) fn logits(&self, normed: &[f32]) -> Vec<f32> {
        let rows = normed.len() / self.decoder.config.width;
        let mut logits = vec![0.0; rows * self.decoder.config.vocab];
        linear(
            &mut logits,
            Into::Set,
            normed,
            part(self.weights, &self.decoder.layout.head),
            rows,
        );
        logits
    }

    /// The logits after the last of these tokens, `[vocab]`; empty where there are none.
    pub(crate) fn next(&mut self, tokens: &[u32]) -> Vec<f32> {
        let normed = self.read(tokens);
        let width = self.decoder.config.width;
        self.logits(normed.rchunks_exact(width).next().unwrap_or_default())
    }
}

/// Attention of `n` new tokens to all so far, `[n, heads * head]`; their keys and values join the cache.
fn attend(decoder: &Decoder, cache: &mut Cache, length: usize, n: usize, normed: &[f32], weight: &[f32]) -> Vec<f32> {
    let heads = decoder.config.attention();
    let (stride, head, shared) = (heads.stride(), heads.size, heads.shared * heads.size);
    let mut qkv = vec![0.0; n * stride];
    linear(&mut qkv, Into::Set, normed, weight, n);
    decoder
        .rope
        .turn(&mut qkv, stride, heads.queries + heads.shared, length, Turn::Forward);
    let new_rows = cache
        .keys
        .chunks_exact_mut(shared)
        .zip(cache.values.chunks_exact_mut(shared))
        .skip(length);
    for (row, (keys, values)) in qkv.chunks_exact(stride).zip(new_rows) {
        let (_, kv) = row.split_at(heads.width());
        keys.copy_from_slice(first(kv, shared));
        values.copy_from_slice(kv.split_at(shared).1);
    }
    let mut found = vec![0.0; n * heads.width()];
    let mut scores = vec![0.0; length + n];
    let scale = 1.0 / (head as f32).sqrt();
    for ((i, row), found) in qkv
        .chunks_exact(stride)
        .enumerate()
        .zip(found.chunks_exact_mut(heads.width()))
    {
        let scores = first_mut(&mut scores, length + i + 1);
        for ((h, query), found) in row.chunks_exact(head).enumerate().zip(found.chunks_exact_mut(head)) {
            let place = h / (heads.queries / heads.shared) * head;
            attend_one(query, cache, shared, place, scale, scores, found);
        }
    }
    found
}

/// Attention of one query to the first `scores.len()` keys; the head's numbers begin at `place` of each row.
fn attend_one(
    query: &[f32],
    cache: &Cache,
    stride: usize,
    place: usize,
    scale: f32,
    scores: &mut [f32],
    found: &mut [f32],
) {
    let range = place..place + query.len();
    vectorised(
        #[inline(always)]
        || {
            for (score, key) in scores.iter_mut().zip(cache.keys.chunks_exact(stride)) {
                *score = dot(query, part(key, &range)) * scale;
            }
            let most = max(scores);
            for score in scores.iter_mut() {
                *score = exp(*score - most);
            }
            let factor = 1.0 / sum(scores);
            for (score, value) in scores.iter().zip(cache.values.chunks_exact(stride)) {
                for (found, value) in found.iter_mut().zip(part(value, &range)) {
                    *found += score * factor * value;
                }
            }
        },
    );
}
