//! SwiGLU: act = silu(gate) * up. Source: Shazeer 2020, "GLU Variants Improve Transformer", equation 6.
//!
//! Gate and up of a token stand side by side, `[tokens, 2 * hidden]`, because one product makes both.

use super::exp::exp;
use super::vectorised;

/// Writes `act [tokens, hidden]` from `gate_up [tokens, 2 * hidden]`.
pub(crate) fn forward(gate_up: &[f32], hidden: usize, act: &mut [f32]) {
    vectorised(
        #[inline(always)]
        || {
            for (row, act) in gate_up.chunks_exact(2 * hidden).zip(act.chunks_exact_mut(hidden)) {
                let (gate, up) = row.split_at(hidden);
                for ((g, u), act) in gate.iter().zip(up).zip(act) {
                    *act = g / (1.0 + exp(-g)) * u;
                }
            }
        },
    );
}

/// Replaces `gate_up` by its own gradient, and `dact [tokens, hidden]` by the activation, which the weight gradient of the
/// next product needs.
pub(crate) fn backward(gate_up: &mut [f32], hidden: usize, dact: &mut [f32]) {
    vectorised(
        #[inline(always)]
        || {
            for (row, dact) in gate_up.chunks_exact_mut(2 * hidden).zip(dact.chunks_exact_mut(hidden)) {
                let (gate, up) = row.split_at_mut(hidden);
                // Arrays of a fixed size: of three slices that are all written, the compiler would have to fear overlap.
                let (gates, gate_rest) = gate.as_chunks_mut::<16>();
                let (ups, up_rest) = up.as_chunks_mut::<16>();
                let (dacts, dact_rest) = dact.as_chunks_mut::<16>();
                for ((gate, up), dact) in gates.iter_mut().zip(ups).zip(dacts) {
                    let (mut g, mut u, mut d) = (*gate, *up, *dact);
                    for ((g, u), d) in g.iter_mut().zip(&mut u).zip(&mut d) {
                        (*g, *u, *d) = gradient(*g, *u, *d);
                    }
                    (*gate, *up, *dact) = (g, u, d);
                }
                for ((g, u), d) in gate_rest.iter_mut().zip(up_rest).zip(dact_rest) {
                    (*g, *u, *d) = gradient(*g, *u, *d);
                }
            }
        },
    );
}

/// The gradients of gate and up, and the activation.
#[inline(always)]
fn gradient(g: f32, u: f32, d: f32) -> (f32, f32, f32) {
    let sigmoid = 1.0 / (1.0 + exp(-g));
    let silu = g * sigmoid;
    (d * u * (sigmoid + silu * (1.0 - sigmoid)), d * silu, silu * u)
}
