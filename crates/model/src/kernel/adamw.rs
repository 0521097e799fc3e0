//! One AdamW update in one pass over the numbers of a tensor. Source: Loshchilov & Hutter 2019, algorithm 2, with the
//! weight decay multiplied by the learning rate.

use super::vectorised;

/// The numbers of one update that are the same for all tensors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Update {
    /// Learning rate of this step.
    pub(crate) learning_rate: f32,
    /// Share of the first moment that is kept.
    pub(crate) beta1: f32,
    /// Share of the second moment that is kept.
    pub(crate) beta2: f32,
    /// Added to the root of the second moment.
    pub(crate) epsilon: f32,
    /// `1 / (1 - beta1^t)`.
    pub(crate) correction1: f32,
    /// `1 / (1 - beta2^t)`.
    pub(crate) correction2: f32,
    /// What the gradient is multiplied by (clipping).
    pub(crate) gradient_scale: f32,
}

/// Updates `weights` and both moments from `gradient`; `decay` is the weight decay per unit of learning rate.
pub(crate) fn step(
    update: &Update,
    decay: f32,
    weights: &mut [f32],
    gradient: &[f32],
    first: &mut [f32],
    second: &mut [f32],
) {
    let Update { beta1, beta2, .. } = *update;
    let rate = update.learning_rate * update.correction1;
    let keep = 1.0 - update.learning_rate * decay;
    vectorised(
        #[inline(always)]
        || {
            for (((w, g), m), v) in weights.iter_mut().zip(gradient).zip(first).zip(second) {
                let g = g * update.gradient_scale;
                *m = beta1 * *m + (1.0 - beta1) * g;
                *v = beta2 * *v + (1.0 - beta2) * g * g;
                *w = *w * keep - rate * *m / ((*v * update.correction2).sqrt() + update.epsilon);
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_step_moves_each_weight_by_the_learning_rate_against_its_gradient() {
        let update = Update {
            learning_rate: 0.1,
            beta1: 0.9,
            beta2: 0.99,
            epsilon: 1e-8,
            correction1: 1.0 / (1.0 - 0.9),
            correction2: 1.0 / (1.0 - 0.99),
            gradient_scale: 0.5,
        };
        let (mut w, mut m, mut v) = ([1.0, -2.0], [0.0; 2], [0.0; 2]);
        step(&update, 0.5, &mut w, &[4.0, -0.2], &mut m, &mut v);
        assert!((w[0] - (1.0 * 0.95 - 0.1)).abs() < 1e-5, "{w:?}");
        assert!((w[1] - (-2.0 * 0.95 + 0.1)).abs() < 1e-5, "{w:?}");
    }
}
