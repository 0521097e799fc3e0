//! Tail probabilities of the normal and of Student's t distribution, and their inverses, to about 12 digits.
//! Source: Press et al., *Numerical Recipes*, 3rd edition, sections 6.1, 6.2 and 6.4 (Lanczos, Lentz).

/// P(Z > z) of the standard normal distribution, for z >= 0.
pub(crate) fn normal_tail(z: f64) -> f64 {
    0.5 * erfc_of_square(z * z / 2.0)
}

/// The z >= 0 with P(Z > z) = `tail`, for a tail in (0, 0.5).
pub(crate) fn normal_quantile(tail: f64) -> f64 {
    invert(normal_tail, tail)
}

/// P(T > t) of Student's t distribution, for t >= 0.
pub(crate) fn t_tail(t: f64, degrees: f64) -> f64 {
    0.5 * incomplete_beta(degrees / 2.0, 0.5, degrees / (degrees + t * t))
}

/// The t >= 0 with P(T > t) = `tail`, for a tail in (0, 0.5).
pub(crate) fn t_quantile(tail: f64, degrees: f64) -> f64 {
    invert(|t| t_tail(t, degrees), tail)
}

/// Bisection of a decreasing function down to neighbouring numbers; it runs once per interval.
fn invert(tail_at: impl Fn(f64) -> f64, tail: f64) -> f64 {
    let (mut low, mut high) = (0.0_f64, 1.0_f64);
    while tail_at(high) > tail && high < f64::MAX / 4.0 {
        low = high;
        high *= 2.0;
    }
    loop {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            return middle;
        }
        if tail_at(middle) > tail {
            low = middle;
        } else {
            high = middle;
        }
    }
}

const LN_SQRT_PI: f64 = 0.572_364_942_924_700_1;
/// Where continued fractions and series stop.
const CLOSE: f64 = 1e-15;
/// Keeps Lentz's method from dividing by zero.
const TINY: f64 = 1e-300;
const MOST_STEPS: u32 = 100_000;

/// The incomplete gamma function Q(1/2, x), which is erfc(sqrt(x)).
fn erfc_of_square(x: f64) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    let front = (-x + 0.5 * x.ln() - LN_SQRT_PI).exp();
    if x < 1.5 {
        let (mut term, mut sum) = (2.0, 2.0);
        let mut a = 0.5;
        while term > sum * CLOSE {
            a += 1.0;
            term *= x / a;
            sum += term;
        }
        return 1.0 - front * sum;
    }
    let mut fraction = Fraction::new(1.0 / TINY, 1.0 / (x + 0.5));
    for step in 1..MOST_STEPS {
        let i = f64::from(step);
        if fraction.step(-i * (i - 0.5), x + 0.5 + 2.0 * i) {
            break;
        }
    }
    front * fraction.value
}

/// The regularised incomplete beta function of x with a and b.
fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    let front = (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (1.0 - x).ln()).exp();
    if x < (a + 1.0) / (a + b + 2.0) {
        front * beta_fraction(a, b, x) / a
    } else {
        1.0 - front * beta_fraction(b, a, 1.0 - x) / b
    }
}

fn beta_fraction(a: f64, b: f64, x: f64) -> f64 {
    let mut fraction = Fraction::new(1.0, 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0)));
    for step in 1..MOST_STEPS {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        fraction.step(even, 1.0);
        if fraction.step(odd, 1.0) {
            break;
        }
    }
    fraction.value
}

/// A continued fraction, evaluated from its front (Lentz's method).
struct Fraction {
    value: f64,
    c: f64,
    d: f64,
}

impl Fraction {
    fn new(c: f64, d: f64) -> Self {
        Self { value: d, c, d }
    }

    /// Adds the next numerator and denominator. Returns whether the value stands still.
    fn step(&mut self, numerator: f64, denominator: f64) -> bool {
        self.d = 1.0 / away_from_zero(numerator * self.d + denominator);
        self.c = away_from_zero(denominator + numerator / self.c);
        self.value *= self.d * self.c;
        (self.d * self.c - 1.0).abs() < CLOSE
    }
}

fn away_from_zero(x: f64) -> f64 {
    if x.abs() < TINY { TINY } else { x }
}

/// Lanczos' approximation with g = 7 and 9 terms, for x >= 0.5.
fn ln_gamma(x: f64) -> f64 {
    const TERMS: [f64; 8] = [
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    let x = x - 1.0;
    let sum = (1_u32..)
        .zip(TERMS)
        .map(|(i, term)| term / (x + f64::from(i)))
        .sum::<f64>()
        + 0.999_999_999_999_809_9;
    let t = x + 7.5;
    0.5 * (2.0 * std::f64::consts::PI).ln() + (x + 0.5) * t.ln() - t + sum.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, expected: f64, digits: f64) {
        assert!((found / expected - 1.0).abs() < digits, "{found} is not {expected}");
    }

    /// `scipy.stats.norm.sf`, scipy 1.17.1.
    #[test]
    fn normal_tails_are_those_of_scipy() {
        for (z, expected) in NORMAL_TAILS {
            close(normal_tail(z), expected, 1e-12);
            if z > 0.0 {
                close(normal_quantile(expected), z, 1e-12);
            }
        }
    }

    /// `scipy.stats.t.isf(tail, degrees)`, scipy 1.17.1.
    #[test]
    fn t_quantiles_are_those_of_scipy() {
        for (tail, degrees, expected) in T_QUANTILES {
            close(t_quantile(tail, degrees), expected, 1e-10);
        }
    }
    const NORMAL_TAILS: [(f64, f64); 10] = [
        (0.0, 0.5),
        (0.1, 0.460_172_162_722_971),
        (0.5, 0.308_537_538_725_986_9),
        (1.0, 0.158_655_253_931_457_07),
        (1.5, 0.066_807_201_268_858_07),
        (1.732_050_8, 0.041_632_259_005_526_806),
        (1.959_963_984_540_054, 0.025),
        (3.0, 0.001_349_898_031_630_093_3),
        (6.0, 9.865_876_450_376_946e-10),
        (20.0, 2.753_624_118_606_155_6e-89),
    ];
    const T_QUANTILES: [(f64, f64, f64); 9] = [
        (0.025, 1.0, 12.706_204_736_174_705),
        (0.025, 2.0, 4.302_652_729_749_464),
        (0.025, 9.0, 2.262_157_162_798_205_3),
        (0.025, 30.0, 2.042_272_456_301_238),
        (0.005, 5.0, 4.032_142_983_555_229),
        (0.05, 1318.0, 1.646_010_567_207_644_8),
        (0.025, 100_000.0, 1.959_987_707_534_61),
        (1e-09, 4.0, 234.027_610_406_118_92),
        (0.4, 3.0, 0.276_670_662_332_689_8),
    ];
}
