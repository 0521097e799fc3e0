//! Microseconds per decision over the shipped register and policies: `cargo bench -p cultivar-policy --bench decide`.
//! Each sample decides about another row of the register; rows were asked about before, as in a running gateway.

use std::{collections::BTreeSet, hint::black_box};

use cultivar_policy::{
    Access, Commerce, Competition, Demand, DutiesMet, Footing, Offering, Permits, Reading, Register, Release, Scores,
    Settings, Training, Use, UseRequest, Waiver,
};
use cultivar_record::{
    FactName, GrantId, Market, OrganizationId, Purpose, Standing, Terms, Timestamp, VerdictId, Waived,
};
use divan::Bencher;

fn main() {
    divan::main();
}

const TRAINING: Training = Training {
    competition: Competition::Competes,
    commerce: Commerce::Commercial,
    untraced: 0,
};
const SCORES: Use<'static> = Use::Evaluate {
    purpose: Purpose::Evaluate,
    scores: Scores::FeedTraining(TRAINING),
};

/// A question asked of one row after the other.
fn ask(bencher: Bencher<'_, '_>, wanted: Use<'_>, waived: Waived) {
    let zero = Timestamp::from_micros(0);
    let (Ok(register), Ok(permits)) = (Register::shipped(), Permits::shipped(Settings::default())) else {
        return;
    };
    let rows: Vec<&Terms> = register.rows().collect();
    let decide = |terms: &Terms| {
        let contract = Waiver {
            terms: terms.key.clone(),
            grant: GrantId::from_parts(zero, &[3; 32]),
            facts: waived,
        };
        let waivers = [contract];
        let request = UseRequest {
            organization: OrganizationId::from_parts(zero, &[1; 32]),
            standing: Standing::Active,
            footing: Footing::Accepted,
            terms,
            wanted,
            offering: Offering::default(),
            waivers: if waived.is_empty() { &[] } else { &waivers },
        };
        permits.decide(black_box(&request), VerdictId::from_parts(zero, &[2; 32]), zero)
    };
    for terms in &rows {
        let _ = decide(terms);
    }
    let mut next = rows.iter().cycle();
    bencher
        .with_inputs(|| next.next())
        .bench_local_values(|terms| terms.map(|terms| decide(terms)));
}

#[divan::bench(sample_count = 1000, sample_size = 47)]
fn infer(bencher: Bencher<'_, '_>) {
    let purpose = Purpose::Serve;
    ask(bencher, Use::Infer { purpose }, Waived::NONE);
}

#[divan::bench(sample_count = 1000, sample_size = 47)]
fn train(bencher: Bencher<'_, '_>) {
    ask(bencher, Use::Train(TRAINING), Waived::NONE);
}

#[divan::bench(sample_count = 1000, sample_size = 47)]
fn train_with_a_grant(bencher: Bencher<'_, '_>) {
    ask(
        bencher,
        Use::Train(TRAINING),
        Waived::NONE.with(FactName::TrainCompeting),
    );
}

/// The heaviest question that a call can ask: offering, training and five waived facts.
#[divan::bench(sample_count = 1000, sample_size = 47)]
fn scores_that_select_with_a_grant(bencher: Bencher<'_, '_>) {
    ask(bencher, SCORES, waivable());
}

/// The heaviest question of all.
#[divan::bench(sample_count = 1000, sample_size = 47)]
fn release_with_a_grant(bencher: Bencher<'_, '_>) {
    let approvers = BTreeSet::from(["Ben".to_owned(), "Carla".to_owned(), "Dan".to_owned()]);
    let release = Release {
        training: TRAINING,
        requester: "Ann",
        approvers: &approvers,
        quorum: 2,
        roles: Demand::Met,
        evidence: Demand::Met,
        duties: DutiesMet::MET,
    };
    ask(bencher, Use::Release(release), waivable());
}

#[divan::bench(sample_count = 1000, sample_size = 47)]
fn read_content(bencher: Bencher<'_, '_>) {
    let places = ["DE", "EU"].map(str::parse::<Market>);
    let [Ok(here), Ok(whole)] = places else { return };
    let within = [here, whole];
    let [market, _] = &within;
    let reading = Reading {
        market,
        within: &within,
        residency: &within,
        ticket: "T-1042",
        access: Access::Ordinary,
    };
    ask(bencher, Use::ReadContent(reading), Waived::NONE);
}

fn waivable() -> Waived {
    [
        FactName::TrainAny,
        FactName::TrainCompeting,
        FactName::NoncommercialOnly,
        FactName::Benchmark,
        FactName::PublishOutputs,
    ]
    .into_iter()
    .collect()
}
