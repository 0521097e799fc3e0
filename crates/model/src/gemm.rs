//! Matrix products on borrowed slices: the only unsafe code of the crate, behind bounds that are checked on every call.
//!
//! Knows shapes and strides, not what a matrix means. The product runs on the calling thread; the lanes of a training step
//! are what runs in parallel. The kernels are those of the `gemm` crate, chosen at run time (AVX-512, AVX2, NEON, plain).

#![expect(
    unsafe_code,
    reason = "`gemm::gemm` takes pointers; hand-written loops measured 4 to 10 times slower"
)]

use gemm::Parallelism;

/// A matrix to read: `at(r, c) = data[r * row_stride + c * col_stride]`.
#[derive(Clone, Copy)]
pub(crate) struct Mat<'a> {
    data: &'a [f32],
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
}

impl<'a> Mat<'a> {
    /// A contiguous matrix of rows of `cols` numbers.
    pub(crate) fn new(data: &'a [f32], rows: usize, cols: usize) -> Self {
        Self::strided(data, rows, cols, cols)
    }

    /// A matrix whose rows begin `row_stride` numbers apart.
    pub(crate) fn strided(data: &'a [f32], rows: usize, cols: usize, row_stride: usize) -> Self {
        Self {
            data,
            rows,
            cols,
            row_stride,
            col_stride: 1,
        }
    }

    /// The same numbers with rows and columns exchanged.
    pub(crate) fn t(self) -> Self {
        Self {
            data: self.data,
            rows: self.cols,
            cols: self.rows,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
        }
    }
}

/// A matrix to write, row by row.
pub(crate) struct MatMut<'a> {
    data: &'a mut [f32],
    rows: usize,
    cols: usize,
    row_stride: usize,
}

impl<'a> MatMut<'a> {
    /// A contiguous matrix of rows of `cols` numbers.
    pub(crate) fn new(data: &'a mut [f32], rows: usize, cols: usize) -> Self {
        Self::strided(data, rows, cols, cols)
    }

    /// A matrix whose rows begin `row_stride` numbers apart.
    pub(crate) fn strided(data: &'a mut [f32], rows: usize, cols: usize, row_stride: usize) -> Self {
        Self {
            data,
            rows,
            cols,
            row_stride,
        }
    }
}

/// What happens to the numbers that the target held before.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Into {
    /// They are replaced.
    Set,
    /// The product is added to them.
    Add,
}

/// `target (=|+=) scale * left * right`, with shapes `[m, n] = [m, k] * [k, n]`.
///
/// # Panics
/// Where shapes do not fit each other or reach beyond their slices: a mistake in this crate, caught before memory is touched.
pub(crate) fn matmul(target: &mut MatMut<'_>, into: Into, scale: f32, left: Mat<'_>, right: Mat<'_>) {
    let (m, n, k) = (target.rows, target.cols, left.cols);
    assert!(left.rows == m && right.rows == k && right.cols == n, "shapes differ");
    assert!(target.row_stride >= n, "rows of the target overlap");
    assert!(
        last(m, n, target.row_stride, 1) <= target.data.len(),
        "target too small"
    );
    assert!(
        last(m, k, left.row_stride, left.col_stride) <= left.data.len(),
        "left too small"
    );
    assert!(
        last(k, n, right.row_stride, right.col_stride) <= right.data.len(),
        "right too small"
    );
    let alpha = if into == Into::Add { 1.0 } else { 0.0 };
    // SAFETY: the assertions above keep every address `r * row_stride + c * col_stride` inside its slice; the target is
    // borrowed mutably, so it does not alias the other two, and its rows do not overlap each other. Strides are at most
    // the length of a slice, which is at most `isize::MAX`.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            target.data.as_mut_ptr(),
            1,
            target.row_stride.cast_signed(),
            into == Into::Add,
            left.data.as_ptr(),
            left.col_stride.cast_signed(),
            left.row_stride.cast_signed(),
            right.data.as_ptr(),
            right.col_stride.cast_signed(),
            right.row_stride.cast_signed(),
            alpha,
            scale,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

/// How many numbers a slice must hold for a matrix of this shape; `usize::MAX` where that cannot be.
fn last(rows: usize, cols: usize, row_stride: usize, col_stride: usize) -> usize {
    if rows == 0 || cols == 0 {
        return 0;
    }
    let row = (rows - 1).checked_mul(row_stride);
    let col = (cols - 1).checked_mul(col_stride);
    match (row, col) {
        (Some(row), Some(col)) => row.saturating_add(col).saturating_add(1),
        _ => usize::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_with_strides_and_transposes_equal_the_sum_over_k() {
        let left: Vec<f32> = (0..12).map(|i| i as f32).collect();
        let right: Vec<f32> = (0..20).map(|i| (i as f32) * 0.5 - 3.0).collect();
        let mut out = vec![1.0; 14];
        // left: 3 x 4 (contiguous); right: stored 5 x 4, used as its transpose 4 x 5 cut to 3 columns.
        let mut target = MatMut::strided(&mut out, 3, 3, 5);
        matmul(
            &mut target,
            Into::Add,
            2.0,
            Mat::new(&left, 3, 4),
            Mat::new(&right[..12], 3, 4).t(),
        );
        for r in 0..3 {
            for c in 0..3 {
                let sum: f32 = (0..4).map(|k| left[r * 4 + k] * right[c * 4 + k]).sum();
                assert!((out[r * 5 + c] - (1.0 + 2.0 * sum)).abs() < 1e-4);
            }
        }
        assert!(
            (out[3] - 1.0).abs() < f32::EPSILON,
            "columns between the rows stay untouched"
        );
    }

    #[test]
    #[should_panic(expected = "left too small")]
    fn a_matrix_beyond_its_slice_is_refused() {
        let mut out = vec![0.0; 4];
        let short = [0.0; 3];
        let full = [0.0; 4];
        matmul(
            &mut MatMut::new(&mut out, 2, 2),
            Into::Set,
            1.0,
            Mat::new(&short, 2, 2),
            Mat::new(&full, 2, 2),
        );
    }
}
