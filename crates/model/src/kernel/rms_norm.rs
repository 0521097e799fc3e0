//! `RMSNorm`: y = w * x / sqrt(mean(x^2) + eps), row by row. Source: Zhang & Sennrich 2019, equation 4.
//!
//! The output is not kept for the backward pass: [`apply`] makes it again from x and the inverse root.

use super::reduce::dot;
use super::vectorised;

/// Writes the inverse root of each row of `x [rows, width]` to `inverse [rows]` and the normed rows to `out [rows, width]`.
pub(crate) fn forward(x: &[f32], weight: &[f32], eps: f32, inverse: &mut [f32], out: &mut [f32]) {
    let width = weight.len();
    vectorised(
        #[inline(always)]
        || {
            for ((x, out), inverse) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)).zip(inverse) {
                *inverse = 1.0 / (dot(x, x) / width as f32 + eps).sqrt();
                scale(x, weight, *inverse, out);
            }
        },
    );
}

/// The output of [`forward`] again.
pub(crate) fn apply(x: &[f32], weight: &[f32], inverse: &[f32], out: &mut [f32]) {
    let width = weight.len();
    vectorised(
        #[inline(always)]
        || {
            for ((x, out), inverse) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)).zip(inverse) {
                scale(x, weight, *inverse, out);
            }
        },
    );
}

#[inline(always)]
fn scale(x: &[f32], weight: &[f32], inverse: f32, out: &mut [f32]) {
    for ((x, w), out) in x.iter().zip(weight).zip(out) {
        *out = x * inverse * w;
    }
}

/// Adds the gradient to `dx [rows, width]` and to `dweight [width]`, given that of the output, `dy [rows, width]`.
pub(crate) fn backward(x: &[f32], weight: &[f32], inverse: &[f32], dy: &[f32], dx: &mut [f32], dweight: &mut [f32]) {
    let width = weight.len();
    vectorised(
        #[inline(always)]
        || {
            let rows = x
                .chunks_exact(width)
                .zip(dy.chunks_exact(width))
                .zip(dx.chunks_exact_mut(width));
            for (((x, dy), dx), inverse) in rows.zip(inverse) {
                for ((dw, dy), x) in dweight.iter_mut().zip(dy).zip(x) {
                    *dw += dy * x * inverse;
                }
                let along = projection(x, dy, weight) * inverse * inverse * inverse / width as f32;
                for (((dx, dy), w), x) in dx.iter_mut().zip(dy).zip(weight).zip(x) {
                    *dx += inverse * w * dy - along * x;
                }
            }
        },
    );
}

/// The sum of `x * dy * weight`.
#[inline(always)]
fn projection(x: &[f32], dy: &[f32], weight: &[f32]) -> f32 {
    let mut partial = [0.0_f32; 16];
    let ((xs, x_rest), (dys, dy_rest), (ws, w_rest)) =
        (x.as_chunks::<16>(), dy.as_chunks::<16>(), weight.as_chunks::<16>());
    for ((x, dy), w) in xs.iter().zip(dys).zip(ws) {
        for (((p, x), dy), w) in partial.iter_mut().zip(x).zip(dy).zip(w) {
            *p += x * dy * w;
        }
    }
    let rest: f32 = x_rest
        .iter()
        .zip(dy_rest)
        .zip(w_rest)
        .map(|((x, dy), w)| x * dy * w)
        .sum();
    partial.iter().sum::<f32>() + rest
}
