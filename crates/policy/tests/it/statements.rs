//! Statements about every question that can be asked: all values of the facts that policies read, all uses, footings and
//! standings, checked against rules written a second time in Rust.

use std::collections::BTreeSet;

use cultivar_policy::{
    Commerce, Competition, Footing, Offering, Permits, Register, Scores, Settings, Silence, Training, Use, UseRequest,
};
use cultivar_record::{Fact, OrganizationId, Purpose, Standing, Terms, Timestamp, UseAction, Verdict, VerdictId};

const FACTS: [Fact; 5] = [Fact::Yes, Fact::No, Fact::Conditional, Fact::Silent, Fact::Unknown];
const PURPOSES: [Purpose; 3] = [Purpose::Serve, Purpose::Collect, Purpose::Evaluate];

fn trainings() -> Vec<Training> {
    let mut all = Vec::new();
    for competition in [Competition::Competes, Competition::FoundNotToCompete] {
        for commerce in [Commerce::Commercial, Commerce::Noncommercial] {
            for untraced in [0, u64::MAX] {
                all.push(Training {
                    competition,
                    commerce,
                    untraced,
                });
            }
        }
    }
    all
}

fn uses(approvers: &[BTreeSet<String>]) -> Vec<Use<'_>> {
    let mut all: Vec<Use<'_>> = trainings().into_iter().map(Use::Train).collect();
    for purpose in PURPOSES {
        all.extend([Use::Infer { purpose }, Use::Collect { purpose }]);
        let scores = Scores::Reported;
        all.push(Use::Evaluate { purpose, scores });
    }
    let purpose = Purpose::Evaluate;
    let feeding = trainings().into_iter().map(Scores::FeedTraining);
    all.extend(feeding.map(|scores| Use::Evaluate { purpose, scores }));
    for commerce in [Commerce::Commercial, Commerce::Noncommercial] {
        all.extend([0, 1].map(|untraced| Use::PublishDataset { commerce, untraced }));
    }
    for (place, approvers) in approvers.iter().enumerate() {
        // Every training with one set of approvers, one training with every set.
        let several = if place == 0 { 8 } else { 1 };
        let release = |training| Use::Release {
            training,
            requester: "Ann",
            approvers,
        };
        all.extend(trainings().into_iter().take(several).map(release));
    }
    all
}

fn approver_sets() -> Vec<BTreeSet<String>> {
    let sets: [&[&str]; 5] = [
        &["Ben", "Carla"],
        &[],
        &["Ben"],
        &["Ann", "Ben"],
        &["Ann", "Ben", "Carla"],
    ];
    sets.iter()
        .map(|names| names.iter().map(|name| (*name).to_owned()).collect())
        .collect()
}

/// Rows that differ in the facts that policies read: 5 to the power of 5.
fn rows() -> Vec<Terms> {
    let register = Register::shipped().unwrap();
    let base = register.get(&"cc-by-4_0".parse().unwrap()).unwrap();
    let mut rows = vec![base.clone()];
    let setters: [fn(&mut Terms, Fact); 5] = [
        |terms, fact| terms.train_any = fact,
        |terms, fact| terms.train_competing = fact,
        |terms, fact| terms.noncommercial_only = fact,
        |terms, fact| terms.benchmark = fact,
        |terms, fact| terms.publish_outputs = fact,
    ];
    for set in setters {
        let with = |row: &Terms, fact| {
            let mut row = row.clone();
            set(&mut row, fact);
            row
        };
        rows = rows.iter().flat_map(|row| FACTS.map(|fact| with(row, fact))).collect();
    }
    rows
}

fn decide(permits: &Permits, terms: &Terms, standing: Standing, footing: Footing, wanted: Use<'_>) -> Verdict {
    let zero = Timestamp::from_micros(0);
    let organization = OrganizationId::from_parts(zero, &[1; 32]);
    let request = UseRequest {
        organization,
        standing,
        footing,
        terms,
        wanted,
        offering: Offering::default(),
    };
    permits
        .decide(&request, VerdictId::from_parts(zero, &[2; 32]), zero)
        .unwrap()
}

fn may_train(terms: &Terms, training: Training) -> bool {
    let commercial = training.commerce == Commerce::Commercial;
    let research = terms.noncommercial_only == Fact::Yes && !commercial;
    let competes = training.competition == Competition::Competes;
    let any = match terms.train_any {
        Fact::Yes => true,
        Fact::Conditional => research || (terms.train_competing == Fact::No && !competes),
        _ => false,
    };
    let competing = match terms.train_competing {
        Fact::Yes => true,
        Fact::Conditional => research,
        _ => false,
    };
    let sold = !commercial || terms.noncommercial_only == Fact::No;
    training.untraced == 0 && any && (competing || !competes) && sold
}

fn may(terms: &Terms, wanted: Use<'_>, silence: Silence) -> bool {
    match wanted {
        Use::Infer { .. } => true,
        Use::Collect { purpose } => purpose == Purpose::Collect,
        Use::Train(training) => may_train(terms, training),
        Use::Evaluate { purpose, scores } => {
            let silent = terms.benchmark == Fact::Silent && silence == Silence::Permits;
            let feeds = match scores {
                Scores::Reported => true,
                Scores::FeedTraining(training) => may_train(terms, training),
            };
            purpose == Purpose::Evaluate && (terms.benchmark == Fact::Yes || silent) && feeds
        }
        Use::PublishDataset { commerce, untraced } => {
            let research = terms.noncommercial_only == Fact::Yes && commerce == Commerce::Noncommercial;
            let sold = commerce == Commerce::Noncommercial || terms.noncommercial_only == Fact::No;
            let outputs = match terms.publish_outputs {
                Fact::Yes => true,
                Fact::Conditional => research,
                _ => false,
            };
            untraced == 0 && outputs && sold
        }
        Use::Release {
            training,
            requester,
            approvers,
        } => may_train(terms, training) && approvers.len() >= 2 && !approvers.contains(requester),
    }
}

#[test]
fn every_question_is_decided_as_the_rules_say() {
    let approvers = approver_sets();
    let uses = uses(&approvers);
    let mut permitted = BTreeSet::new();
    let permits = Permits::shipped(Settings::default()).unwrap();
    for terms in rows() {
        for wanted in &uses {
            let verdict = decide(&permits, &terms, Standing::Active, Footing::Accepted, *wanted);
            assert_eq!(
                verdict.permits(),
                may(&terms, *wanted, Silence::Permits),
                "{terms:?} {wanted:?}"
            );
            assert_ne!(verdict.reasons[0].policy, "default.deny", "{terms:?} {wanted:?}");
            if verdict.permits() {
                permitted.insert(verdict.action);
            }
        }
    }
    assert_eq!(permitted.len(), UseAction::ALL.len(), "some use is never permitted");
}

#[test]
fn the_strict_reading_of_silence_is_decided_as_the_rules_say() {
    let strict = Settings {
        silent_benchmark: Silence::Forbids,
    };
    let permits = Permits::shipped(strict).unwrap();
    let purpose = Purpose::Evaluate;
    for terms in rows() {
        let wanted = Use::Evaluate {
            purpose,
            scores: Scores::Reported,
        };
        let verdict = decide(&permits, &terms, Standing::Active, Footing::Accepted, wanted);
        assert_eq!(verdict.permits(), may(&terms, wanted, Silence::Forbids), "{terms:?}");
    }
    assert_ne!(
        permits.digest(),
        Permits::shipped(Settings::default()).unwrap().digest()
    );
}

#[test]
fn nothing_is_permitted_without_standing_or_footing() {
    let approvers = approver_sets();
    let permits = Permits::shipped(Settings::default()).unwrap();
    for terms in Register::shipped().unwrap().rows() {
        for wanted in uses(&approvers) {
            for standing in [Standing::Suspended, Standing::Terminated] {
                assert!(!decide(&permits, terms, standing, Footing::Accepted, wanted).permits());
            }
            let refused = decide(&permits, terms, Standing::Active, Footing::NotAccepted, wanted);
            assert!(!refused.permits());
            assert!(
                refused.reasons.iter().any(|reason| reason.policy == "terms.accepted"),
                "{refused:?}"
            );
            for (standing, footing) in [(Standing::Warned, Footing::Accepted), (Standing::Limited, Footing::Own)] {
                let served = decide(&permits, terms, standing, footing, wanted);
                assert_eq!(
                    served.permits(),
                    may(terms, wanted, Silence::Permits),
                    "{terms:?} {wanted:?}"
                );
            }
        }
    }
}

#[test]
fn a_changed_row_of_the_same_key_is_read_anew() {
    let register = Register::shipped().unwrap();
    let mut terms = register.get(&"cc-by-4_0".parse().unwrap()).unwrap().clone();
    let permits = Permits::shipped(Settings::default()).unwrap();
    let training = Training {
        competition: Competition::Competes,
        commerce: Commerce::Commercial,
        untraced: 0,
    };
    let before = decide(
        &permits,
        &terms,
        Standing::Active,
        Footing::Accepted,
        Use::Train(training),
    );
    terms.train_competing = Fact::No;
    let after = decide(
        &permits,
        &terms,
        Standing::Active,
        Footing::Accepted,
        Use::Train(training),
    );
    assert!(before.permits() && !after.permits());
    assert_ne!(before.terms_digest, after.terms_digest);
}
