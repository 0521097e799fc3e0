//! Softmax and cross-entropy of a block of logits, with the gradient in the place of the logits.

use super::exp::exp;
use super::reduce::{max, sum};
use super::vectorised;

/// The target of a row that takes no part in the loss.
pub(crate) const NO_TARGET: u32 = u32::MAX;

/// Replaces `logits [rows, vocab]` by `scale * (softmax - onehot)` and adds up the loss (nats) of the rows with a target.
pub(crate) fn loss_and_gradient(logits: &mut [f32], vocab: usize, targets: &[u32], scale: f32) -> f64 {
    vectorised(
        #[inline(always)]
        || {
            let mut loss = 0.0;
            for (row, target) in logits.chunks_exact_mut(vocab).zip(targets) {
                let Some(at_target) = row.get(*target as usize).copied() else {
                    row.fill(0.0);
                    continue;
                };
                let (most, total) = exponentials(row);
                loss += f64::from(total.ln() + most - at_target);
                let factor = scale / total;
                for p in row.iter_mut() {
                    *p *= factor;
                }
                if let Some(p) = row.get_mut(*target as usize) {
                    *p -= scale;
                }
            }
            loss
        },
    )
}

/// Writes the loss (nats) of each row of `logits [rows, vocab]` to `nats [rows]`; 0 where there is no target. The logits
/// are used up.
pub(crate) fn losses(logits: &mut [f32], vocab: usize, targets: &[u32], nats: &mut [f64]) {
    vectorised(
        #[inline(always)]
        || {
            for ((row, target), nats) in logits.chunks_exact_mut(vocab).zip(targets).zip(nats) {
                *nats = row.get(*target as usize).copied().map_or(0.0, |at_target| {
                    let (most, total) = exponentials(row);
                    f64::from(total.ln() + most - at_target)
                });
            }
        },
    );
}

/// Replaces a row by e^(x - max); returns the maximum and the sum.
#[inline(always)]
fn exponentials(row: &mut [f32]) -> (f32, f32) {
    let most = max(row);
    for x in row.iter_mut() {
        *x = exp(*x - most);
    }
    (most, sum(row))
}

/// Replaces one row of logits by its log-probabilities (nats, at most 0). They stay exact where probabilities would underflow.
pub(crate) fn log_softmax(row: &mut [f32]) {
    let mut powers = row.to_vec();
    vectorised(
        #[inline(always)]
        || {
            let (most, total) = exponentials(&mut powers);
            let log_total = total.ln() + most;
            for x in row.iter_mut() {
                *x -= log_total;
            }
        },
    );
}
