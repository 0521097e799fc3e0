//! The hand-written derivatives against finite differences of the loss.

use super::*;
use crate::DecoderConfig;
use crate::kernel::cross_entropy::NO_TARGET;

fn tiny(kv_heads: usize, tied: bool) -> Decoder {
    Decoder::new(DecoderConfig {
        width: 16,
        layers: 2,
        heads: 4,
        kv_heads,
        hidden: 24,
        context: 96,
        vocab: 23,
        rope_theta: 100.0,
        norm_epsilon: 1e-5,
        tied,
    })
    .unwrap()
}

/// Initial weights, but with norms that differ from 1.
fn weights(decoder: &Decoder) -> Vec<f32> {
    let differ = |w: &f32| if (*w - 1.0).abs() < 1e-9 { 0.9 } else { *w };
    decoder.layout.initial(3).iter().map(differ).collect()
}

/// Two conversations, one longer than a block of attention, with some tokens that predict nothing.
fn rows() -> Rows {
    let mut rows = Rows::default();
    for (length, salt) in [(9_u32, 5), (70, 11)] {
        let tokens: Vec<u32> = (0..length).map(|i| (i * i + salt * i + salt) % 23).collect();
        let mut targets: Vec<u32> = tokens[1..].to_vec();
        targets.push(NO_TARGET);
        targets[3] = NO_TARGET;
        rows.push(&tokens, &targets);
    }
    rows
}

/// The loss at `weights`, with dropout, as [`Lane::train`] returns it.
fn loss(lane: &mut Lane, decoder: &Decoder, weights: &[f32], dropout: Dropout) -> f64 {
    lane.train(decoder, weights, &rows(), dropout, 1.0)
}

fn check(decoder: &Decoder, dropout: Dropout) {
    let weights = weights(decoder);
    let mut lane = Lane::default();
    loss(&mut lane, decoder, &weights, dropout);
    let gradient = lane.gradient.clone();
    for (index, tensor) in decoder.layout.tensors.iter().enumerate() {
        // The derivative along a random direction within one tensor: every layer and every tensor is covered.
        let mut direction = vec![0.0_f32; weights.len()];
        for i in tensor.range.clone() {
            direction[i] = (((i * 7919 + index * 104_729) % 1000) as f32 / 500.0 - 1.0).signum() * 0.5
                + ((i * 31) % 7) as f32 / 14.0;
        }
        let norm = direction.iter().map(|d| d * d).sum::<f32>().sqrt();
        let along: f64 = gradient
            .iter()
            .zip(&direction)
            .map(|(g, d)| f64::from(g * d / norm))
            .sum();
        let step = 2e-2;
        let moved = |sign: f32| -> Vec<f32> {
            weights
                .iter()
                .zip(&direction)
                .map(|(w, d)| w + sign * step * d / norm)
                .collect()
        };
        let up = loss(&mut lane, decoder, &moved(1.0), dropout);
        let down = loss(&mut lane, decoder, &moved(-1.0), dropout);
        let measured = (up - down) / (2.0 * f64::from(step));
        let size = gradient[tensor.range.clone()]
            .iter()
            .map(|g| f64::from(*g).powi(2))
            .sum::<f64>()
            .sqrt();
        assert!(
            (along - measured).abs() < 0.004 * size + 0.01,
            "{}: {along} by the backward pass, {measured} by differences, size {size}",
            tensor.name
        );
    }
}

#[test]
fn every_tensor_has_the_gradient_that_differences_show() {
    check(&tiny(4, true), Dropout::NONE);
}

#[test]
fn shared_keys_an_untied_head_and_dropout_have_it_too() {
    check(&tiny(2, false), Dropout { rate: 0.2, key: 99 });
}

#[test]
fn conversations_do_not_see_each_other_or_what_comes_later() {
    let decoder = tiny(4, true);
    let weights = weights(&decoder);
    let both = rows();
    let mut lane = Lane::default();
    let together = lane.evaluate(&decoder, &weights, &both);
    let mut alone = Rows::default();
    alone.push(&both.tokens[9..40], &both.targets[9..40]);
    let alone = lane.evaluate(&decoder, &weights, &alone);
    for (a, b) in alone.iter().zip(&together[9..40]) {
        assert!((a - b).abs() < 1e-4, "{a} {b}");
    }
}

#[test]
fn the_loss_is_that_of_a_softmax_and_a_used_lane_forgets_its_last_batch() {
    let decoder = tiny(4, true);
    let mut lane = Lane::default();
    let zero = vec![0.0; decoder.layout.len];
    let uniform = lane.train(&decoder, &zero, &rows(), Dropout::NONE, 1.0);
    assert!((uniform - 75.0 * 23.0_f64.ln()).abs() < 1e-3, "{uniform}");
    let weights = weights(&decoder);
    let first = loss(&mut lane, &decoder, &weights, Dropout::NONE);
    let evaluated: f64 = lane.evaluate(&decoder, &weights, &rows()).iter().sum();
    assert!((first - evaluated).abs() < 1e-3);
    let gradient = lane.gradient.clone();
    assert!((loss(&mut lane, &decoder, &weights, Dropout::NONE) - first).abs() < f64::EPSILON);
    assert_eq!(gradient, lane.gradient);
}
