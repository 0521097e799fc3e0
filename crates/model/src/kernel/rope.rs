//! Rotary position embedding on the halves of each head, as Hugging Face's Llama stores it (`rotate_half`).
//! Source: Su et al. 2021, "`RoFormer`", equation 34, with pairs (i, i + head / 2).

use super::vectorised;

/// Cosines and sines by position, `[context, head / 2]` each.
#[derive(Clone, Debug)]
pub(crate) struct Rope {
    half: usize,
    cos: Vec<f32>,
    sin: Vec<f32>,
}

/// Which way to turn.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// As in the forward pass.
    Forward,
    /// Back: the gradient of the forward pass.
    Backward,
}

impl Rope {
    /// The tables for heads of `head` numbers.
    pub(crate) fn new(context: usize, head: usize, theta: f64) -> Self {
        let half = head / 2;
        let angles = (0..context)
            .flat_map(|position| (0..half).map(move |i| position as f64 * theta.powf(-2.0 * i as f64 / head as f64)));
        let (cos, sin) = angles.map(|angle| (angle.cos() as f32, angle.sin() as f32)).unzip();
        Self { half, cos, sin }
    }

    /// Turns the first `heads` heads of each row of `rows [tokens, stride]`; the first row stands at `position`.
    pub(crate) fn turn(&self, rows: &mut [f32], stride: usize, heads: usize, position: usize, turn: Turn) {
        let half = self.half;
        let sign = if turn == Turn::Forward { 1.0 } else { -1.0 };
        let tables = self
            .cos
            .chunks_exact(half)
            .zip(self.sin.chunks_exact(half))
            .skip(position);
        vectorised(
            #[inline(always)]
            || {
                for (row, (cos, sin)) in rows.chunks_mut(stride).zip(tables) {
                    for head in row.chunks_exact_mut(2 * half).take(heads) {
                        let (low, high) = head.split_at_mut(half);
                        for (((a, b), c), s) in low.iter_mut().zip(high).zip(cos).zip(sin) {
                            let s = sign * s;
                            (*a, *b) = (*a * c - *b * s, *b * c + *a * s);
                        }
                    }
                }
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turning_back_undoes_the_turn_and_keys_beyond_the_heads_stay() {
        let rope = Rope::new(8, 4, 10_000.0);
        let before: Vec<f32> = (0..24).map(|i| i as f32 * 0.25 - 2.0).collect();
        let mut rows = before.clone();
        rope.turn(&mut rows, 12, 2, 5, Turn::Forward);
        assert!((rows[0] - before[0]).abs() > 1e-3);
        assert_eq!(rows[8..12], before[8..12]);
        rope.turn(&mut rows, 12, 2, 5, Turn::Backward);
        assert!(rows.iter().zip(&before).all(|(a, b)| (a - b).abs() < 1e-5));
    }
}
