//! Statements about every question that can be asked: all values of the facts that policies read, all uses, footings and
//! standings, checked against rules written a second time in Rust.

use std::collections::BTreeSet;

use cultivar_policy::{
    Access, Commerce, Competition, Demand, DutiesMet, Footing, Offering, Permits, Reading, Register, Release, Scores,
    Settings, Silence, Training, Use, UseRequest, Waiver,
};
use cultivar_record::{
    Fact, FactName, GrantId, Market, OrganizationId, Purpose, Standing, Terms, Timestamp, UseAction, Verdict,
    VerdictId, Waived,
};

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
        let releases = trainings().into_iter().take(several).map(|training| Release {
            training,
            requester: "Ann",
            approvers,
            quorum: 2,
            roles: Demand::Met,
            evidence: Demand::Met,
            duties: DutiesMet::MET,
        });
        all.extend(releases.map(Use::Release));
    }
    let whole = all.iter().find_map(|wanted| match wanted {
        Use::Release(release) => Some(*release),
        _ => None,
    });
    all.extend(with_one_fault(whole.unwrap()).map(Use::Release));
    all
}

/// A release that lacks one thing at a time.
fn with_one_fault(whole: Release<'_>) -> impl Iterator<Item = Release<'_>> {
    let faults: [fn(&mut Release<'_>); 9] = [
        |release| release.quorum = 3,
        |release| release.quorum = u64::MAX,
        |release| release.roles = Demand::Unmet,
        |release| release.evidence = Demand::Unmet,
        |release| release.duties.attribution = Demand::Unmet,
        |release| release.duties.flow_down = Demand::Unmet,
        |release| release.duties.share_alike = Demand::Unmet,
        |release| release.duties.caps = Demand::Unmet,
        |release| release.duties.label = Demand::Unmet,
    ];
    faults.into_iter().map(move |fault| {
        let mut release = whole;
        fault(&mut release);
        release
    })
}

/// Nothing, each fact that a rule about terms reads, duties, and everything.
fn waivers() -> [Waived; 8] {
    let only = |fact| Waived::NONE.with(fact);
    [
        Waived::NONE,
        only(FactName::TrainAny),
        only(FactName::TrainCompeting),
        only(FactName::NoncommercialOnly),
        only(FactName::Benchmark),
        only(FactName::PublishOutputs),
        only(FactName::Attribution)
            .with(FactName::ShareAlike)
            .with(FactName::FlowDown),
        FactName::ALL.into_iter().collect(),
    ]
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
    decide_with(permits, terms, (standing, footing), wanted, Waived::NONE)
}

fn decide_with(
    permits: &Permits,
    terms: &Terms,
    (standing, footing): (Standing, Footing),
    wanted: Use<'_>,
    waived: Waived,
) -> Verdict {
    let zero = Timestamp::from_micros(0);
    let organization = OrganizationId::from_parts(zero, &[1; 32]);
    let waivers = [Waiver {
        terms: terms.key.clone(),
        grant: GrantId::from_parts(zero, &[3; 32]),
        facts: waived,
    }];
    let request = UseRequest {
        organization,
        standing,
        footing,
        terms,
        wanted,
        offering: Offering::default(),
        waivers: &waivers,
    };
    permits
        .decide(&request, VerdictId::from_parts(zero, &[2; 32]), zero)
        .unwrap()
}

fn may_train(terms: &Terms, training: Training, waived: Waived) -> bool {
    let commercial = training.commerce == Commerce::Commercial;
    // The condition that the row itself names; a contract may lift it.
    let research =
        terms.noncommercial_only == Fact::Yes && (!commercial || waived.contains(FactName::NoncommercialOnly));
    let competes = training.competition == Competition::Competes;
    let any = match terms.train_any {
        Fact::Yes => true,
        Fact::Conditional => {
            research || (terms.train_competing == Fact::No && (!competes || waived.contains(FactName::TrainCompeting)))
        }
        _ => false,
    };
    let competing = match terms.train_competing {
        Fact::Yes => true,
        Fact::Conditional => research,
        _ => false,
    };
    let sold = !commercial || terms.noncommercial_only == Fact::No;
    let any = any || waived.contains(FactName::TrainAny);
    let competing = competing || waived.contains(FactName::TrainCompeting);
    let sold = sold || waived.contains(FactName::NoncommercialOnly);
    training.untraced == 0 && any && (competing || !competes) && sold
}

fn may_release(terms: &Terms, release: &Release<'_>, waived: Waived) -> bool {
    let done = |demand, fact| demand == Demand::Met || waived.contains(fact);
    let duties = release.duties;
    let owed = done(duties.attribution, FactName::Attribution)
        && done(duties.flow_down, FactName::FlowDown)
        && done(duties.share_alike, FactName::ShareAlike);
    let rest = [release.roles, release.evidence, duties.caps, duties.label];
    let approvals = u64::try_from(release.approvers.len()).unwrap();
    may_train(terms, release.training, waived)
        && approvals >= release.quorum.max(2)
        && !release.approvers.contains(release.requester)
        && owed
        && rest.iter().all(|demand| *demand == Demand::Met)
}

fn may(terms: &Terms, wanted: Use<'_>, silence: Silence, waived: Waived) -> bool {
    match wanted {
        Use::Infer { .. } => true,
        Use::Collect { purpose } => purpose == Purpose::Collect,
        Use::Train(training) => may_train(terms, training, waived),
        Use::Evaluate { purpose, scores } => {
            let silent = terms.benchmark == Fact::Silent && silence == Silence::Permits;
            let feeds = match scores {
                Scores::Reported => true,
                Scores::FeedTraining(training) => may_train(terms, training, waived),
            };
            let waived = waived.contains(FactName::Benchmark);
            purpose == Purpose::Evaluate && (terms.benchmark == Fact::Yes || silent || waived) && feeds
        }
        Use::PublishDataset { commerce, untraced } => {
            let lifted = waived.contains(FactName::NoncommercialOnly);
            let research = terms.noncommercial_only == Fact::Yes && (commerce == Commerce::Noncommercial || lifted);
            let sold = commerce == Commerce::Noncommercial || terms.noncommercial_only == Fact::No || lifted;
            let outputs = match terms.publish_outputs {
                Fact::Yes => true,
                Fact::Conditional => research,
                _ => false,
            };
            let outputs = outputs || waived.contains(FactName::PublishOutputs);
            untraced == 0 && outputs && sold
        }
        Use::Release(release) => may_release(terms, &release, waived),
        Use::ReadContent(_) => unreachable!("asked elsewhere: it depends on no terms"),
    }
}

#[test]
fn every_question_is_decided_as_the_rules_say() {
    let approvers = approver_sets();
    let uses = uses(&approvers);
    let mut permitted = BTreeSet::new();
    let permits = Permits::shipped(Settings::default()).unwrap();
    // Eight sets meet every value of every fact, since 5 and 8 have no common divisor.
    let (standing, waivers) = ((Standing::Active, Footing::Accepted), waivers());
    for (place, terms) in rows().into_iter().enumerate() {
        let waived = waivers[place % waivers.len()];
        for wanted in &uses {
            let verdict = decide_with(&permits, &terms, standing, *wanted, waived);
            assert_eq!(
                verdict.permits(),
                may(&terms, *wanted, Silence::Permits, waived),
                "{terms:?} {wanted:?} {waived:?}"
            );
            assert_ne!(verdict.reasons[0].policy, "default.deny", "{terms:?} {wanted:?}");
            if verdict.permits() {
                permitted.insert(verdict.action);
            }
        }
    }
    permitted.insert(UseAction::ReadContent);
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
        let wanted = may(&terms, wanted, Silence::Forbids, Waived::NONE);
        assert_eq!(verdict.permits(), wanted, "{terms:?}");
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
            let everything = FactName::ALL.into_iter().collect();
            for standing in [Standing::Suspended, Standing::Terminated] {
                assert!(!decide_with(&permits, terms, (standing, Footing::Accepted), wanted, everything).permits());
            }
            let refused = decide_with(
                &permits,
                terms,
                (Standing::Active, Footing::NotAccepted),
                wanted,
                everything,
            );
            assert!(!refused.permits());
            assert!(
                refused.reasons.iter().any(|reason| reason.policy == "terms.accepted"),
                "{refused:?}"
            );
            for (standing, footing) in [(Standing::Warned, Footing::Accepted), (Standing::Limited, Footing::Own)] {
                let served = decide(&permits, terms, standing, footing, wanted);
                assert_eq!(
                    served.permits(),
                    may(terms, wanted, Silence::Permits, Waived::NONE),
                    "{terms:?} {wanted:?}"
                );
            }
        }
    }
}

#[test]
fn content_is_read_in_its_residency_and_for_a_reason_whatever_the_terms() {
    let permits = Permits::shipped(Settings::default()).unwrap();
    let market = |code: &str| code.parse::<Market>().unwrap();
    let within = [market("DE"), market("EU")];
    for terms in Register::shipped().unwrap().rows() {
        for (residency, inside) in [("", true), ("EU", true), ("DE", true), ("CN", false), ("FR", false)] {
            let residency: Vec<Market> = residency.parse().into_iter().collect();
            for (ticket, access) in [
                ("", Access::Ordinary),
                ("T-1", Access::Ordinary),
                ("", Access::BreakGlass),
                ("T-1", Access::BreakGlass),
            ] {
                let reading = Reading {
                    market: &within[0],
                    within: &within,
                    residency: &residency,
                    ticket,
                    access,
                };
                let reason = !ticket.is_empty() || access == Access::BreakGlass;
                for (standing, footing) in [
                    (Standing::Active, Footing::Accepted),
                    (Standing::Terminated, Footing::NotAccepted),
                ] {
                    let verdict = decide(&permits, terms, standing, footing, Use::ReadContent(reading));
                    assert_eq!(verdict.permits(), inside && reason, "{terms:?} {reading:?}");
                }
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
