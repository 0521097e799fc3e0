//! Sums and maxima with sixteen partial results, which is what lets them vectorise: floating-point addition may not be
//! reordered by the compiler.

const LANES: usize = 16;

/// The sum of `a[i] * b[i]`.
#[inline(always)]
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut partial = [0.0_f32; LANES];
    let (a_chunks, a_rest) = a.as_chunks::<LANES>();
    let (b_chunks, b_rest) = b.as_chunks::<LANES>();
    for (x, y) in a_chunks.iter().zip(b_chunks) {
        for ((p, x), y) in partial.iter_mut().zip(x).zip(y) {
            *p += x * y;
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(x, y)| x * y).sum();
    partial.iter().sum::<f32>() + rest
}

/// The sum of all numbers.
#[inline(always)]
pub(crate) fn sum(a: &[f32]) -> f32 {
    let mut partial = [0.0_f32; LANES];
    let (chunks, rest) = a.as_chunks::<LANES>();
    for x in chunks {
        for (p, x) in partial.iter_mut().zip(x) {
            *p += x;
        }
    }
    partial.iter().sum::<f32>() + rest.iter().sum::<f32>()
}

/// The greatest number; minus infinity where there is none.
#[inline(always)]
pub(crate) fn max(a: &[f32]) -> f32 {
    let mut partial = [f32::NEG_INFINITY; LANES];
    let (chunks, rest) = a.as_chunks::<LANES>();
    for x in chunks {
        for (p, x) in partial.iter_mut().zip(x) {
            *p = if *x > *p { *x } else { *p };
        }
    }
    partial
        .iter()
        .chain(rest)
        .fold(f32::NEG_INFINITY, |m, x| if *x > m { *x } else { m })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::float_cmp, reason = "whole numbers are exact")]
    fn partial_results_and_the_rest_are_both_counted() {
        let a: Vec<f32> = (1..=37).map(|i| i as f32).collect();
        assert_eq!(sum(&a), 703.0);
        assert_eq!(dot(&a, &a), 17_575.0);
        assert_eq!(max(&a), 37.0);
        assert_eq!(max(&[-3.0, -1.0]), -1.0);
    }
}
