//! Draws tokens from probabilities. Knows neither models nor text.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::GenerateOptions;
use crate::layout::uniform;

/// A seeded sampler.
pub(crate) struct Sampler {
    temperature: f64,
    top_p: f64,
    rng: ChaCha8Rng,
    /// Room for (probability, token), likeliest first.
    ranked: Vec<(f64, u32)>,
}

impl Sampler {
    pub(crate) fn new(options: &GenerateOptions) -> Self {
        Self {
            temperature: options.temperature,
            top_p: options.top_p.clamp(0.0, 1.0),
            rng: ChaCha8Rng::seed_from_u64(options.seed.get()),
            ranked: Vec::new(),
        }
    }

    /// Draws a token from the model's probabilities; the first token where there are none.
    ///
    /// Probabilities are raised to 1 / temperature, which equals dividing logits by it; then the tail beyond `top_p` is cut.
    pub(crate) fn draw(&mut self, probabilities: &[f32]) -> u32 {
        let ranked = &mut self.ranked;
        ranked.clear();
        ranked.extend(probabilities.iter().zip(0..).map(|(p, token)| (f64::from(*p), token)));
        ranked.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let Some((most, likeliest)) = ranked.first().copied() else {
            return 0;
        };
        if !(self.temperature > 0.0 && most > 0.0) {
            return likeliest;
        }
        for (p, _) in ranked.iter_mut() {
            *p = (*p / most).powf(1.0 / self.temperature);
        }
        let total: f64 = ranked.iter().map(|(p, _)| p).sum();
        let mut kept = 0.0;
        let nucleus = ranked.iter().position(|(p, _)| {
            kept += p;
            kept >= self.top_p * total
        });
        ranked.truncate(nucleus.map_or(usize::MAX, |last| last + 1));
        let mut left = uniform(&mut self.rng) * kept;
        let drawn = ranked.iter().find(|(p, _)| {
            left -= p;
            left <= 0.0
        });
        drawn.map_or(likeliest, |(_, token)| *token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(temperature: f64, top_p: f64) -> Vec<f64> {
        let options = GenerateOptions {
            temperature,
            top_p,
            ..GenerateOptions::default()
        };
        let mut sampler = Sampler::new(&options);
        let mut counts = vec![0.0; 4];
        for _ in 0..20_000 {
            counts[sampler.draw(&[0.1, 0.5, 0.1, 0.3]) as usize] += 1.0 / 20_000.0;
        }
        counts
    }

    #[test]
    fn temperature_and_nucleus_shape_the_shares() {
        let close = |a: &[f64], b: [f64; 4]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 0.015);
        assert!(close(&shares(1.0, 1.0), [0.1, 0.5, 0.1, 0.3]));
        assert!(close(&shares(1.0, 0.79), [0.0, 0.625, 0.0, 0.375]));
        assert!(close(&shares(0.0, 1.0), [0.0, 1.0, 0.0, 0.0]));
        assert!(close(
            &shares(0.5, 1.0),
            [0.01 / 0.36, 0.25 / 0.36, 0.01 / 0.36, 0.09 / 0.36]
        ));
    }
}
