//! SwiGLU: act = silu(gate) * up. Source: Shazeer 2020, "GLU Variants Improve Transformer", equation 6.
//!
//! Gate and up of a token stand side by side, `[tokens, 2 * hidden]`, because one product makes both.

use super::exp::exp;
use super::vectorised;

/// Writes `act [tokens, hidden]` from `gate_up [tokens, 2 * hidden]`.
pub(crate) fn forward(gate_up: &[f32], hidden: usize, act: &mut [f32]) {
    vectorised(|| {
        for (row, act) in gate_up.chunks_exact(2 * hidden).zip(act.chunks_exact_mut(hidden)) {
            let (gate, up) = row.split_at(hidden);
            for ((g, u), act) in gate.iter().zip(up).zip(act) {
                *act = g / (1.0 + exp(-g)) * u;
            }
        }
    });
}

/// Replaces `gate_up` by its own gradient, and `dact [tokens, hidden]` by the activation, which the weight gradient of the
/// next product needs.
pub(crate) fn backward(gate_up: &mut [f32], hidden: usize, dact: &mut [f32]) {
    vectorised(|| {
        for (row, dact) in gate_up.chunks_exact_mut(2 * hidden).zip(dact.chunks_exact_mut(hidden)) {
            let (gate, up) = row.split_at_mut(hidden);
            for ((g, u), d) in gate.iter_mut().zip(up).zip(dact) {
                let sigmoid = 1.0 / (1.0 + exp(-*g));
                let silu = *g * sigmoid;
                let act = silu * *u;
                *g = *d * *u * (sigmoid + silu * (1.0 - sigmoid));
                *u = *d * silu;
                *d = act;
            }
        }
    });
}
