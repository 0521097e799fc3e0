//! Draws tokens from log-probabilities. Knows neither models nor text.

use std::collections::HashMap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::GenerateOptions;
use crate::layout::uniform;

/// A seeded sampler. It remembers what it drew: penalties count from the start of the answer.
pub(crate) struct Sampler<'a> {
    options: &'a GenerateOptions,
    rng: ChaCha8Rng,
    drawn: HashMap<u32, f64>,
    /// Room for (log-probability, then weight; token), likeliest first.
    ranked: Vec<(f64, u32)>,
}

impl<'a> Sampler<'a> {
    pub(crate) fn new(options: &'a GenerateOptions) -> Self {
        Self {
            options,
            rng: ChaCha8Rng::seed_from_u64(options.seed.get()),
            drawn: HashMap::new(),
            ranked: Vec::new(),
        }
    }

    /// Draws a token from the model's log-probabilities (nats, `[vocab]`); the first token where there are none.
    ///
    /// Bias and penalties are added to the log-probabilities, which are then divided by the temperature; then the tail
    /// beyond `top_p` is cut. Source of the penalties: OpenAI API reference, "Frequency and presence penalties".
    pub(crate) fn draw(&mut self, log_probs: &[f32]) -> u32 {
        let token = self.choose(log_probs);
        *self.drawn.entry(token).or_default() += 1.0;
        token
    }

    fn choose(&mut self, log_probs: &[f32]) -> u32 {
        self.rank(log_probs);
        let ranked = &mut self.ranked;
        let Some((most, likeliest)) = ranked.first().copied() else {
            return 0;
        };
        let temperature = self.options.temperature;
        if !(temperature > 0.0 && most.is_finite()) {
            return likeliest;
        }
        for (p, _) in ranked.iter_mut() {
            *p = ((*p - most) / temperature).exp();
        }
        let total: f64 = ranked.iter().map(|(p, _)| p).sum();
        let top_p = self.options.top_p.clamp(0.0, 1.0);
        let mut kept = 0.0;
        let nucleus = ranked.iter().position(|(p, _)| {
            kept += p;
            kept >= top_p * total
        });
        ranked.truncate(nucleus.map_or(usize::MAX, |last| last + 1));
        let mut left = uniform(&mut self.rng) * kept;
        let drawn = ranked.iter().find(|(p, _)| {
            left -= p;
            left <= 0.0
        });
        drawn.map_or(likeliest, |(_, token)| *token)
    }

    fn rank(&mut self, log_probs: &[f32]) {
        let ranked = &mut self.ranked;
        ranked.clear();
        ranked.extend(log_probs.iter().zip(0..).map(|(p, token)| (f64::from(*p), token)));
        for (token, bias) in &self.options.bias {
            if let Some((p, _)) = ranked.get_mut(*token as usize) {
                *p += bias;
            }
        }
        let (frequency, presence) = (self.options.frequency_penalty, self.options.presence_penalty);
        if frequency != 0.0 || presence != 0.0 {
            for (token, times) in &self.drawn {
                if let Some((p, _)) = ranked.get_mut(*token as usize) {
                    *p -= times * frequency + presence;
                }
            }
        }
        ranked.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Vec<f32> {
        [0.1_f32, 0.5, 0.1, 0.3].map(f32::ln).to_vec()
    }

    fn shares(options: &GenerateOptions) -> Vec<f64> {
        let mut counts = vec![0.0; 4];
        let mut sampler = Sampler::new(options);
        for _ in 0..20_000 {
            sampler.drawn.clear();
            counts[sampler.draw(&row()) as usize] += 1.0 / 20_000.0;
        }
        counts
    }

    #[test]
    fn temperature_nucleus_and_bias_shape_the_shares() {
        let close = |temperature: f64, top_p: f64, bias: &[(u32, f64)], expected: [f64; 4]| {
            let options = GenerateOptions {
                temperature,
                top_p,
                bias: bias.to_vec(),
                ..GenerateOptions::default()
            };
            let found = shares(&options);
            assert!(
                found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 0.015),
                "{found:?}"
            );
        };
        close(1.0, 1.0, &[], [0.1, 0.5, 0.1, 0.3]);
        close(1.0, 0.79, &[], [0.0, 0.625, 0.0, 0.375]);
        close(0.0, 1.0, &[], [0.0, 1.0, 0.0, 0.0]);
        close(0.5, 1.0, &[], [0.01 / 0.36, 0.25 / 0.36, 0.01 / 0.36, 0.09 / 0.36]);
        close(1.0, 1.0, &[(1, -100.0), (3, -100.0), (9, 1.0)], [0.5, 0.0, 0.5, 0.0]);
        close(0.0, 1.0, &[(2, 100.0)], [0.0, 0.0, 1.0, 0.0]);
    }

    #[test]
    fn penalties_grow_with_what_was_drawn() {
        let greedy = |frequency_penalty: f64, presence_penalty: f64| {
            let options = GenerateOptions {
                temperature: 0.0,
                frequency_penalty,
                presence_penalty,
                ..GenerateOptions::default()
            };
            let mut sampler = Sampler::new(&options);
            std::iter::repeat_with(|| sampler.draw(&row()))
                .take(6)
                .collect::<Vec<_>>()
        };
        assert_eq!(greedy(0.0, 0.0), [1; 6]);
        // ln 0.5 - ln 0.3 = 0.51 and ln 0.3 - ln 0.1 = 1.10.
        assert_eq!(greedy(0.0, 0.6), [1, 3, 1, 1, 1, 1]);
        assert_eq!(greedy(0.6, 0.0), [1, 3, 1, 3, 1, 0]);
    }
}
