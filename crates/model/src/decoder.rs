//! What training and inference share of a decoder: its shape, the places of its tensors and the rotary tables.

use std::ops::Range;

use crate::gemm::{Into, Mat, MatMut, matmul};
use crate::kernel::rope::Rope;
use crate::layout::Layout;
use crate::{DecoderConfig, ModelError};

/// A decoder without its numbers.
#[derive(Clone, Debug)]
pub(crate) struct Decoder {
    pub(crate) config: DecoderConfig,
    pub(crate) layout: Layout,
    pub(crate) rope: Rope,
}

impl Decoder {
    /// # Errors
    /// [`ModelError::Config`] where the sizes do not fit each other.
    pub(crate) fn new(config: DecoderConfig) -> Result<Self, ModelError> {
        config.check()?;
        let layout = Layout::new(&config);
        let rope = Rope::new(config.context, config.head(), config.rope_theta);
        Ok(Self { config, layout, rope })
    }

    /// Copies the embeddings of tokens to `x [tokens, width]`; an unknown token is all zeros.
    pub(crate) fn embed(&self, weights: &[f32], tokens: &[u32], x: &mut [f32]) {
        let table = part(weights, &self.layout.embedding);
        let width = self.config.width;
        for (row, token) in x.chunks_exact_mut(width).zip(tokens) {
            let start = *token as usize * width;
            match table.get(start..start + width) {
                Some(embedding) => row.copy_from_slice(embedding),
                None => row.fill(0.0),
            }
        }
    }
}

/// The numbers of one tensor, or of several that stand side by side.
///
/// # Panics
/// Where the array is not of the layout that the range comes from: a mistake in this crate.
#[expect(
    clippy::indexing_slicing,
    reason = "ranges come from the layout that sized the array"
)]
pub(crate) fn part<'a>(flat: &'a [f32], range: &Range<usize>) -> &'a [f32] {
    &flat[range.clone()]
}

/// As [`part`], to write.
///
/// # Panics
/// As [`part`].
#[expect(
    clippy::indexing_slicing,
    reason = "ranges come from the layout that sized the array"
)]
pub(crate) fn part_mut<'a>(flat: &'a mut [f32], range: &Range<usize>) -> &'a mut [f32] {
    &mut flat[range.clone()]
}

/// The first `len` numbers of a buffer that is at least as long.
///
/// # Panics
/// Where it is shorter: a mistake in this crate.
#[expect(
    clippy::indexing_slicing,
    reason = "buffers are sized for the batch before it is run"
)]
pub(crate) fn first(buffer: &[f32], len: usize) -> &[f32] {
    &buffer[..len]
}

/// As [`first`], to write.
///
/// # Panics
/// As [`first`].
#[expect(
    clippy::indexing_slicing,
    reason = "buffers are sized for the batch before it is run"
)]
pub(crate) fn first_mut(buffer: &mut [f32], len: usize) -> &mut [f32] {
    &mut buffer[..len]
}

/// `y [rows, out] (=|+=) x [rows, in] * weight [out, in]^T`: a linear layer.
pub(crate) fn linear(y: &mut [f32], into: Into, x: &[f32], weight: &[f32], rows: usize) {
    let (inputs, outputs) = (x.len() / rows.max(1), y.len() / rows.max(1));
    let weight = Mat::new(weight, outputs, inputs).t();
    matmul(
        &mut MatMut::new(y, rows, outputs),
        into,
        1.0,
        Mat::new(x, rows, inputs),
        weight,
    );
}

/// `dx [rows, in] = dy [rows, out] * weight [out, in]`: the gradient of a linear layer's input.
pub(crate) fn linear_input_gradient(dx: &mut [f32], dy: &[f32], weight: &[f32], rows: usize) {
    let (inputs, outputs) = (dx.len() / rows.max(1), dy.len() / rows.max(1));
    let target = &mut MatMut::new(dx, rows, inputs);
    matmul(
        target,
        Into::Set,
        1.0,
        Mat::new(dy, rows, outputs),
        Mat::new(weight, outputs, inputs),
    );
}

/// `dweight [out, in] (=|+=) dy [rows, out]^T * x [rows, in]`: the gradient of a linear layer's weight.
pub(crate) fn linear_weight_gradient(dweight: &mut [f32], into: Into, dy: &[f32], x: &[f32], rows: usize) {
    let (inputs, outputs) = (x.len() / rows.max(1), dy.len() / rows.max(1));
    let target = &mut MatMut::new(dweight, outputs, inputs);
    matmul(
        target,
        into,
        1.0,
        Mat::new(dy, rows, outputs).t(),
        Mat::new(x, rows, inputs),
    );
}
