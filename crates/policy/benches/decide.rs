//! Microseconds per decision over the shipped register and policies: `cargo bench -p cultivar-policy --bench decide`.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::{error::Error, hint::black_box, time::Instant};

use cultivar_policy::{Commerce, Competition, Footing, Permits, Register, Settings, Training, Use, UseRequest};
use cultivar_record::{OrganizationId, Purpose, Standing, Terms, Timestamp, VerdictId};

const ROUNDS: u32 = 400;

fn main() -> Result<(), Box<dyn Error>> {
    let register = Register::shipped()?;
    let permits = Permits::shipped(Settings::default())?;
    let training = Training {
        competition: Competition::Competes,
        commerce: Commerce::Commercial,
        untraced: 0,
    };
    let purpose = Purpose::Serve;
    for (name, wanted) in [("infer", Use::Infer { purpose }), ("train", Use::Train(training))] {
        let micros = measure(&permits, &register, wanted)?;
        println!(
            "{name}: {micros:.1} µs per decision, over {} rows",
            register.rows().len()
        );
    }
    Ok(())
}

/// The fastest of the rounds: what the machine does when nobody disturbs it. The first rounds warm up.
fn measure(permits: &Permits, register: &Register, wanted: Use<'_>) -> Result<f64, Box<dyn Error>> {
    let rows: Vec<&Terms> = register.rows().collect();
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let begin = Instant::now();
        for terms in &rows {
            let request = UseRequest {
                organization: OrganizationId::from_parts(Timestamp::from_micros(0), &[1; 32]),
                standing: Standing::Active,
                footing: Footing::Accepted,
                terms,
                wanted,
                offering: cultivar_policy::Offering::default(),
                waived: cultivar_record::Waived::NONE,
                grants: &[],
            };
            let id = VerdictId::from_parts(Timestamp::from_micros(0), &[2; 32]);
            black_box(permits.decide(black_box(&request), id, Timestamp::from_micros(0))?);
        }
        let rows = f64::from(u32::try_from(rows.len())?);
        best = best.min(begin.elapsed().as_secs_f64() * 1e6 / rows);
    }
    Ok(best)
}
