//! Dropout whose mask is a hash of the place, so that the backward pass makes it again instead of keeping it.
//! Source: Srivastava et al. 2014; the hash is the 32-bit finaliser `lowbias32` of C. Wellons.

use super::vectorised;

/// One mask: which numbers of a buffer are dropped in one step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mask {
    key: u32,
    below: u32,
    scale: f32,
}

impl Mask {
    /// The mask of a place (any number that differs between the places of a step) at a rate in [0, 1); `None` at rate 0.
    pub(crate) fn new(rate: f32, key: u64) -> Option<Self> {
        let folded = hash(key as u32 ^ hash((key >> 32) as u32 ^ 0x9E37_79B9));
        (rate > 0.0).then(|| Self {
            key: folded,
            below: (f64::from(rate) * 4_294_967_296.0) as u32,
            scale: 1.0 / (1.0 - rate),
        })
    }

    /// Zeroes the dropped numbers of `x` and scales the others up.
    pub(crate) fn apply(self, x: &mut [f32]) {
        vectorised(
            #[inline(always)]
            || {
                for (i, x) in x.iter_mut().enumerate() {
                    *x *= self.factor(i);
                }
            },
        );
    }

    /// `out += mask * x`.
    pub(crate) fn add(self, x: &[f32], out: &mut [f32]) {
        vectorised(
            #[inline(always)]
            || {
                for ((i, x), out) in x.iter().enumerate().zip(out) {
                    *out += self.factor(i) * x;
                }
            },
        );
    }

    #[inline(always)]
    fn factor(self, place: usize) -> f32 {
        if hash((place as u32) ^ self.key) < self.below {
            0.0
        } else {
            self.scale
        }
    }
}

#[inline(always)]
const fn hash(mut x: u32) -> u32 {
    x ^= x >> 16;
    x = x.wrapping_mul(0x7feb_352d);
    x ^= x >> 15;
    x = x.wrapping_mul(0x846c_a68b);
    x ^ (x >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn about_the_asked_share_is_dropped_and_the_mean_is_kept() {
        let mut x = vec![1.0_f32; 100_000];
        Mask::new(0.2, 7).unwrap().apply(&mut x);
        let dropped = x.iter().filter(|x| **x == 0.0).count();
        assert!((19_500..20_500).contains(&dropped), "{dropped}");
        let mean = x.iter().sum::<f32>() / x.len() as f32;
        assert!((mean - 1.0).abs() < 0.02);
        let mut y = vec![1.0_f32; 100_000];
        Mask::new(0.2, 8).unwrap().apply(&mut y);
        let both = x.iter().zip(&y).filter(|(x, y)| **x == 0.0 && **y == 0.0).count();
        assert!(
            (3_500..4_500).contains(&both),
            "masks of two places are independent: {both}"
        );
        assert!(Mask::new(0.0, 7).is_none());
    }
}
