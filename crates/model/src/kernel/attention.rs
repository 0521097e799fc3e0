//! Causal attention within segments, by blocks of query rows: keys after a block are never touched, and the probabilities
//! are made again in the backward pass from the stored logarithm of each row's sum. Source: Dao et al. 2022
//! ("`FlashAttention`"), algorithms 1 and 4, with whole rows of scores because they fit the cache.

use std::ops::Range;

use super::exp::exp;
use super::reduce::{dot, max, sum};
use super::vectorised;
use crate::gemm::{Into, Mat, MatMut, matmul};

/// Query rows per block.
const BLOCK: usize = 64;

/// The heads of a layer. Queries, keys and values of a token stand side by side: `[queries + 2 * shared, size]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heads {
    /// Query heads.
    pub(crate) queries: usize,
    /// Key and value heads; each serves `queries / shared` query heads.
    pub(crate) shared: usize,
    /// Numbers per head.
    pub(crate) size: usize,
}

impl Heads {
    /// Numbers per token in the joint buffer.
    pub(crate) const fn stride(self) -> usize {
        (self.queries + 2 * self.shared) * self.size
    }

    /// Numbers per token in the output.
    pub(crate) const fn width(self) -> usize {
        self.queries * self.size
    }

    /// Where query head `h`, its keys and its values begin within a token.
    const fn offsets(self, h: usize) -> (usize, usize, usize) {
        let shared = h / (self.queries / self.shared);
        (
            h * self.size,
            (self.queries + shared) * self.size,
            (self.queries + self.shared + shared) * self.size,
        )
    }

    fn scale(self) -> f32 {
        1.0 / (self.size as f32).sqrt()
    }
}

/// Room for one block of scores and one of their gradients.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    scores: Vec<f32>,
    gradient: Vec<f32>,
}

impl Scratch {
    /// Room for segments of up to `longest` tokens.
    pub(crate) fn new(longest: usize) -> Self {
        Self {
            scores: vec![0.0; BLOCK * longest],
            gradient: vec![0.0; BLOCK * longest],
        }
    }
}

/// The blocks of query rows of a segment of `tokens` tokens.
fn blocks(tokens: usize) -> impl Iterator<Item = Range<usize>> {
    (0..tokens)
        .step_by(BLOCK)
        .map(move |start| start..(start + BLOCK).min(tokens))
}

fn tail(data: &[f32], start: usize) -> &[f32] {
    data.get(start..).unwrap_or_default()
}

fn tail_mut(data: &mut [f32], start: usize) -> &mut [f32] {
    data.get_mut(start..).unwrap_or_default()
}

/// Attention of one segment: `qkv [tokens, stride]` to `out [tokens, width]`, and the logarithm of each row's sum to
/// `log_sums [heads, tokens]`.
pub(crate) fn forward(heads: Heads, qkv: &[f32], out: &mut [f32], log_sums: &mut [f32], scratch: &mut Scratch) {
    let (stride, width, head) = (heads.stride(), heads.width(), heads.size);
    let tokens = qkv.len() / stride;
    for (h, log_sums) in log_sums.chunks_exact_mut(tokens).enumerate() {
        let (q, k, v) = heads.offsets(h);
        for rows in blocks(tokens) {
            let (n, keys) = (rows.len(), rows.end);
            let queries = Mat::strided(tail(qkv, rows.start * stride + q), n, head, stride);
            let keys_t = Mat::strided(tail(qkv, k), keys, head, stride).t();
            matmul(
                &mut MatMut::new(&mut scratch.scores, n, keys),
                Into::Set,
                heads.scale(),
                queries,
                keys_t,
            );
            let log_sums = log_sums.get_mut(rows.clone()).unwrap_or_default();
            softmax_causal(&mut scratch.scores, keys, rows.start, log_sums);
            let values = Mat::strided(tail(qkv, v), keys, head, stride);
            let mut target = MatMut::strided(tail_mut(out, rows.start * width + q), n, head, width);
            matmul(&mut target, Into::Set, 1.0, Mat::new(&scratch.scores, n, keys), values);
        }
    }
}

/// Row `i` of a block sees the keys up to `first + i`; the others get probability 0.
fn softmax_causal(scores: &mut [f32], keys: usize, first: usize, log_sums: &mut [f32]) {
    vectorised(
        #[inline(always)]
        || {
            for ((i, row), log_sum) in scores.chunks_exact_mut(keys).enumerate().zip(log_sums) {
                let Some((seen, hidden)) = row.split_at_mut_checked(first + i + 1) else {
                    continue;
                };
                let most = max(seen);
                for x in seen.iter_mut() {
                    *x = exp(*x - most);
                }
                let total = sum(seen);
                let factor = 1.0 / total;
                for x in seen.iter_mut() {
                    *x *= factor;
                }
                hidden.fill(0.0);
                *log_sum = most + total.ln();
            }
        },
    );
}

/// What the forward pass left of a segment, and the gradient of its output.
pub(crate) struct Saved<'a> {
    /// `[tokens, stride]`.
    pub(crate) qkv: &'a [f32],
    /// `[tokens, width]`.
    pub(crate) out: &'a [f32],
    /// `[heads, tokens]`.
    pub(crate) log_sums: &'a [f32],
    /// `[tokens, width]`.
    pub(crate) dout: &'a [f32],
}

/// Writes the gradient of queries, keys and values of one segment to `dqkv [tokens, stride]`.
pub(crate) fn backward(heads: Heads, saved: &Saved<'_>, dqkv: &mut [f32], scratch: &mut Scratch) {
    let tokens = saved.qkv.len() / heads.stride();
    dqkv.fill(0.0);
    for (h, log_sums) in saved.log_sums.chunks_exact(tokens).enumerate() {
        for rows in blocks(tokens) {
            backward_block(heads, saved, h, rows, log_sums, dqkv, scratch);
        }
    }
}

fn backward_block(
    heads: Heads,
    saved: &Saved<'_>,
    h: usize,
    rows: Range<usize>,
    log_sums: &[f32],
    dqkv: &mut [f32],
    scratch: &mut Scratch,
) {
    let (stride, width, head, scale) = (heads.stride(), heads.width(), heads.size, heads.scale());
    let (q, k, v) = heads.offsets(h);
    let (n, keys) = (rows.len(), rows.end);
    let queries = Mat::strided(tail(saved.qkv, rows.start * stride + q), n, head, stride);
    let all_keys = Mat::strided(tail(saved.qkv, k), keys, head, stride);
    let values = Mat::strided(tail(saved.qkv, v), keys, head, stride);
    let at_output = rows.start * width + q;
    let dout = Mat::strided(tail(saved.dout, at_output), n, head, width);

    matmul(
        &mut MatMut::new(&mut scratch.scores, n, keys),
        Into::Set,
        scale,
        queries,
        all_keys.t(),
    );
    matmul(
        &mut MatMut::new(&mut scratch.gradient, n, keys),
        Into::Set,
        1.0,
        dout,
        values.t(),
    );
    probabilities_and_gradient(heads, saved, at_output, rows.clone(), keys, log_sums, scratch);

    let probabilities = Mat::new(&scratch.scores, n, keys);
    let dscores = Mat::new(&scratch.gradient, n, keys);
    let dvalues = &mut MatMut::strided(tail_mut(dqkv, v), keys, head, stride);
    matmul(dvalues, Into::Add, 1.0, probabilities.t(), dout);
    let dqueries = &mut MatMut::strided(tail_mut(dqkv, rows.start * stride + q), n, head, stride);
    matmul(dqueries, Into::Set, scale, dscores, all_keys);
    let dkeys = &mut MatMut::strided(tail_mut(dqkv, k), keys, head, stride);
    matmul(dkeys, Into::Add, scale, dscores.t(), queries);
}

/// Turns scores into probabilities p, and the gradient of p into that of the scores: p * (dp - sum(dout * out)).
fn probabilities_and_gradient(
    heads: Heads,
    saved: &Saved<'_>,
    at_output: usize,
    rows: Range<usize>,
    keys: usize,
    log_sums: &[f32],
    scratch: &mut Scratch,
) {
    let (width, head) = (heads.width(), heads.size);
    let outs = tail(saved.out, at_output)
        .chunks(width)
        .zip(tail(saved.dout, at_output).chunks(width));
    let scores = scratch
        .scores
        .chunks_exact_mut(keys)
        .zip(scratch.gradient.chunks_exact_mut(keys));
    let log_sums = tail(log_sums, rows.start);
    vectorised(
        #[inline(always)]
        || {
            for ((((p, dp), (out, dout)), log_sum), last) in scores.zip(outs).zip(log_sums).zip(rows) {
                let (Some((p, p_hidden)), Some((dp, dp_hidden))) =
                    (p.split_at_mut_checked(last + 1), dp.split_at_mut_checked(last + 1))
                else {
                    continue;
                };
                let (Some(out), Some(dout)) = (out.get(..head), dout.get(..head)) else {
                    continue;
                };
                let along = dot(out, dout);
                for (p, dp) in p.iter_mut().zip(dp) {
                    *p = exp(*p - log_sum);
                    *dp = *p * (*dp - along);
                }
                p_hidden.fill(0.0);
                dp_hidden.fill(0.0);
            }
        },
    );
}
