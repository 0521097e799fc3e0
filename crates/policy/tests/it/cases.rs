//! Reads `tests/cases/*.md`. A case is a title, a story, a table of the request, the answer in bold, a table of the
//! determining policies in the order of the verdict, and their advice as quotations.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use cultivar_policy::{
    Access, Commerce, Competition, Demand, Duties, Footing, Markets, Offering, Permits, Reading, Register, Release,
    Scores, Settings, Silence, Training, Use, UseRequest,
};
use cultivar_record::{
    Decision, FactName, Market, OrganizationId, Purpose, Standing, Timestamp, Verdict, VerdictId, Waived, digest_of,
};

/// The rows of the tables that begin with this header cell, without header and rule.
fn table(text: &str, header: &str) -> Vec<Vec<String>> {
    let cells = |line: &str| -> Vec<String> {
        let inner = line.trim().trim_start_matches('|').trim_end_matches('|');
        inner
            .split('|')
            .map(|cell| cell.trim().trim_matches('`').to_owned())
            .collect()
    };
    let mut lines = text
        .lines()
        .skip_while(|line| cells(line).first().is_none_or(|cell| cell != header));
    lines.next();
    lines
        .skip(1)
        .take_while(|line| line.starts_with('|'))
        .map(cells)
        .collect()
}

/// The request's words; each must be used, so that a misspelt one cannot pass unnoticed.
struct Words(BTreeMap<String, String>);

impl Words {
    fn take(&mut self, key: &str) -> String {
        self.take_or(key, None)
    }

    fn take_or(&mut self, key: &str, otherwise: Option<&str>) -> String {
        let word = self.0.remove(key).or(otherwise.map(str::to_owned));
        word.unwrap_or_else(|| panic!("the request says nothing about `{key}`"))
    }

    fn one_of<T: Copy>(&mut self, key: &str, otherwise: Option<&str>, choices: &[(&str, T)]) -> T {
        let word = self.take_or(key, otherwise);
        let found = choices.iter().find(|(name, _)| *name == word);
        found.unwrap_or_else(|| panic!("`{word}` is no answer to `{key}`")).1
    }

    fn yes_or_no(&mut self, key: &str) -> bool {
        self.one_of(key, Some("yes"), &[("yes", true), ("no", false)])
    }

    fn list(&mut self, key: &str) -> Vec<String> {
        let words = self.take_or(key, Some(""));
        words
            .split(", ")
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect()
    }

    fn demand(&mut self, key: &str) -> Demand {
        self.one_of(key, Some("yes"), &[("yes", Demand::Met), ("no", Demand::Unmet)])
    }

    fn duties(&mut self) -> Duties {
        Duties {
            attribution: self.demand("attribution given"),
            flow_down: self.demand("restrictions passed on"),
            share_alike: self.demand("licensed alike"),
            caps: self.demand("below caps"),
            label: self.demand("labelled"),
        }
    }

    fn purpose(&mut self) -> Purpose {
        self.take("purpose").parse().unwrap()
    }

    fn commerce(&mut self) -> Commerce {
        self.one_of(
            "commercial",
            None,
            &[("yes", Commerce::Commercial), ("no", Commerce::Noncommercial)],
        )
    }

    fn untraced(&mut self) -> u64 {
        self.take_or("untraced", Some("0")).parse().unwrap()
    }

    fn training(&mut self) -> Training {
        let competes = [("yes", Competition::Competes), ("no", Competition::FoundNotToCompete)];
        Training {
            competition: self.one_of("competes", None, &competes),
            commerce: self.commerce(),
            untraced: self.untraced(),
        }
    }

    fn scores(&mut self) -> Scores {
        match self.take("scores").as_str() {
            "reported" => Scores::Reported,
            "feed training" => Scores::FeedTraining(self.training()),
            word => panic!("`{word}` is no answer to `scores`"),
        }
    }
}

/// What a use borrows.
struct Told {
    requester: String,
    approvers: BTreeSet<String>,
    reader: Market,
    within: Vec<Market>,
    residency: Vec<Market>,
    ticket: String,
}

impl Told {
    fn read(words: &mut Words) -> Self {
        let market = |code: &str| code.parse::<Market>().unwrap();
        let reader = market(&words.take_or("reader in", Some("DE")));
        let markets = Markets::shipped().unwrap();
        let wholes = ["EU", "CN", reader.as_str()].map(market).into_iter();
        let within = wholes.filter(|whole| markets.covers(std::slice::from_ref(whole), &reader));
        Self {
            requester: words.take_or("requester", Some("")),
            approvers: words.list("approvers").into_iter().collect(),
            within: within.collect(),
            reader,
            residency: words.list("content stays in").iter().map(|code| market(code)).collect(),
            ticket: words.take_or("ticket", Some("")),
        }
    }
}

fn wanted<'a>(words: &mut Words, told: &'a Told) -> Use<'a> {
    match words.take("use").as_str() {
        "infer" => Use::Infer {
            purpose: words.purpose(),
        },
        "collect" => Use::Collect {
            purpose: words.purpose(),
        },
        "train" => Use::Train(words.training()),
        "evaluate" => Use::Evaluate {
            purpose: words.purpose(),
            scores: words.scores(),
        },
        "publish dataset" => Use::PublishDataset {
            commerce: words.commerce(),
            untraced: words.untraced(),
        },
        "release" => Use::Release(Release {
            training: words.training(),
            requester: &told.requester,
            approvers: &told.approvers,
            quorum: words.take_or("quorum", Some("2")).parse().unwrap(),
            roles: words.demand("roles approve"),
            evidence: words.demand("evidence complete"),
            duties: words.duties(),
        }),
        "read content" => Use::ReadContent(Reading {
            market: &told.reader,
            within: &told.within,
            residency: &told.residency,
            ticket: &told.ticket,
            access: words.one_of(
                "break glass",
                Some("no"),
                &[("yes", Access::BreakGlass), ("no", Access::Ordinary)],
            ),
        }),
        other => panic!("`{other}` is no use"),
    }
}

fn decide(words: &mut Words, register: &Register) -> Verdict {
    let silence = [("permits", Silence::Permits), ("forbids", Silence::Forbids)];
    let silent_benchmark = words.one_of("silent benchmark", Some("permits"), &silence);
    let standings = [
        ("active", Standing::Active),
        ("warned", Standing::Warned),
        ("limited", Standing::Limited),
        ("suspended", Standing::Suspended),
        ("terminated", Standing::Terminated),
    ];
    let footings = [
        ("accepted", Footing::Accepted),
        ("not accepted", Footing::NotAccepted),
        ("own", Footing::Own),
    ];
    let told = Told::read(words);
    let waived: Waived = words
        .list("waived")
        .iter()
        .map(|name| FactName::ALL.into_iter().find(|fact| fact.as_str() == name).unwrap())
        .collect();
    let request = UseRequest {
        organization: OrganizationId::from_parts(Timestamp::from_micros(0), &[1; 32]),
        standing: words.one_of("standing", Some("active"), &standings),
        footing: words.one_of("footing", None, &footings),
        terms: register.get(&words.take("terms").parse().unwrap()).unwrap(),
        wanted: wanted(words, &told),
        offering: Offering {
            open: words.yes_or_no("market open"),
            offered: words.yes_or_no("offered there"),
            approved: words.yes_or_no("approved there"),
            resident: words.yes_or_no("resident"),
        },
        waived,
        grants: &[],
    };
    let permits = Permits::shipped(Settings { silent_benchmark }).unwrap();
    let id = VerdictId::from_parts(Timestamp::from_micros(0), &[2; 32]);
    let verdict = permits.decide(&request, id, Timestamp::from_micros(7)).unwrap();
    assert_eq!((&verdict.terms, verdict.waived), (&request.terms.key, waived));
    assert_eq!(verdict.terms_digest, digest_of(request.terms).unwrap());
    assert_eq!(
        (verdict.policies, verdict.id, verdict.at.micros()),
        (permits.digest(), id, 7)
    );
    verdict
}

fn check(path: &Path, register: &Register) {
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let text = fs::read_to_string(path).unwrap();
    let pairs = table(&text, "Request")
        .into_iter()
        .map(|row| (row[0].clone(), row[1].clone()));
    let mut words = Words(pairs.collect());
    let verdict = decide(&mut words, register);
    assert!(words.0.is_empty(), "{name}: no policy reads {:?}", words.0);

    let answer = if verdict.decision == Decision::Permit {
        "permit"
    } else {
        "forbid"
    };
    assert!(
        text.contains(&format!("**{answer}**")),
        "{name}: it is {answer}, by {:?}",
        verdict.reasons
    );
    let found: Vec<Vec<String>> = verdict.reasons.iter().map(row).collect();
    assert_eq!(found, table(&text, "Policy"), "{name}");
    let advice: Vec<&str> = verdict
        .reasons
        .iter()
        .filter_map(|reason| reason.advice.as_deref())
        .collect();
    let quoted: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("> ")).collect();
    assert_eq!(advice.len(), verdict.reasons.len(), "{name}");
    assert!(quoted.is_empty() || quoted == advice, "{name}: {advice:#?}");
}

fn row(reason: &cultivar_record::Reason) -> Vec<String> {
    vec![
        reason.policy.clone(),
        reason.fact.map(|fact| fact.to_string()).unwrap_or_default(),
        reason.value.map(|value| value.to_string()).unwrap_or_default(),
        reason.clause.clone().unwrap_or_default(),
    ]
}

#[test]
fn every_case_is_decided_as_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(paths.len() >= 30, "only {} cases were found", paths.len());
    let register = Register::shipped().unwrap();
    for path in &paths {
        check(path, &register);
    }
}
