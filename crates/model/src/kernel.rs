//! The layers of the decoder as fused loops over rows of f32, each with its derivative, one file per layer.
//!
//! Loops are written so that the compiler vectorises them, and run under [`vectorised`], which picks the widest instruction
//! set of the machine at run time. They know rows and columns, not tokens, text or threads.

pub(crate) mod adamw;
pub(crate) mod attention;
pub(crate) mod cross_entropy;
pub(crate) mod dropout;
pub(crate) mod exp;
pub(crate) mod reduce;
pub(crate) mod rms_norm;
pub(crate) mod rope;
pub(crate) mod swiglu;

/// Runs a loop compiled for the widest instruction set of this machine (AVX-512, AVX2 or the baseline). The closure must be
/// `#[inline(always)]`: otherwise it is compiled once, for the baseline.
#[inline(always)]
pub(crate) fn vectorised<R>(body: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(body)
}
