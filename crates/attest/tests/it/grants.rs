//! Grants: they cover what they name, while they are in force, and nothing else.

use cultivar_attest::{Wanted, covers, grant_standing, statement_bytes};
use cultivar_record::{
    ApprovalStatement, Digest, FactName, Grant, GrantId, GrantStatement, Market, TermsKey, UseAction, Withdrawal,
};
use miette::Diagnostic;
use serde_json::{Value, json};

use crate::people::{day, organization, people, signed};

fn statement() -> GrantStatement {
    GrantStatement {
        v: 1,
        id: GrantId::from_parts(day(1), &[9; 32]),
        organization: organization(0),
        party: "Example AI".to_owned(),
        clause: "4.2".to_owned(),
        document: Digest::of_bytes(b"contract"),
        waives: vec![FactName::TrainCompeting],
        terms: vec!["example-terms".parse().unwrap()],
        models: vec!["large".to_owned()],
        purposes: vec![UseAction::Train],
        markets: vec!["US".parse().unwrap()],
        drafted_by: "Ruth Requester".to_owned(),
        drafted_at: day(1),
        expires_at: day(100),
    }
}

fn grant() -> Grant {
    let statement = statement();
    Grant {
        signatures: signed(&statement, &[1, 2], &people()),
        statement,
        revoked: None,
    }
}

fn codes(grant: &Grant, at: i64) -> Vec<String> {
    let faults = grant_standing(grant, &people(), day(at)).faults;
    faults.iter().map(|fault| fault.code().unwrap().to_string()).collect()
}

fn altered(field: &str) -> Option<Value> {
    Some(match field {
        "v" => json!(2),
        "id" => json!(GrantId::from_parts(day(1), &[8; 32])),
        "organization" => json!(organization(1)),
        "party" => json!("Other AI"),
        "clause" => json!("4.3"),
        "document" => json!(Digest::of_bytes(b"other contract")),
        "waives" => json!(["train_competing", "train_any"]),
        "terms" => json!(["example-terms", "other-terms"]),
        "models" => json!(["large", "larger"]),
        "purposes" => json!(["train", "release"]),
        "markets" => json!(["US", "CN"]),
        "drafted_by" => json!("Lee Legal"),
        "drafted_at" => json!(day(0)),
        "expires_at" => json!(day(101)),
        _ => return None,
    })
}

#[test]
fn each_field_altered_in_turn_voids_it() {
    assert_eq!(codes(&grant(), 2), Vec::<String>::new());
    let fields = serde_json::to_value(statement()).unwrap();
    for (field, before) in fields.as_object().unwrap() {
        let mut changed = fields.clone();
        let other = altered(field).unwrap_or_else(|| panic!("no other value for `{field}`"));
        assert_ne!(before, &other, "{field}");
        changed[field] = other;
        let statement: GrantStatement = serde_json::from_value(changed).unwrap();
        let forged = Grant { statement, ..grant() };
        assert!(
            codes(&forged, 2).contains(&"attest::too_few_people".to_owned()),
            "{field}"
        );
    }
}

#[test]
fn one_signature_waives_nothing_and_time_and_revocation_end_it() {
    let mut alone = grant();
    alone.signatures.truncate(1);
    assert_eq!(codes(&alone, 2), ["attest::too_few_people"]);
    assert_eq!(codes(&grant(), 100), ["attest::expired"]);
    let revoked = Grant {
        revoked: Some(Withdrawal {
            at: day(2),
            by: "Ruth Requester".to_owned(),
        }),
        ..grant()
    };
    assert_eq!(codes(&revoked, 3), ["attest::withdrawn"]);
}

#[test]
fn it_covers_what_it_names_and_nothing_else() {
    let (terms, us): (TermsKey, Market) = ("example-terms".parse().unwrap(), "US".parse().unwrap());
    let good = Wanted {
        terms: &terms,
        party: "Example AI",
        model: "large",
        action: UseAction::Train,
        market: &us,
    };
    let in_market = |list: &[Market], market: &Market| list.contains(market);
    let is_covered = |wanted: Wanted<'_>| covers(&statement(), &wanted, in_market);
    assert!(is_covered(good));
    let (other, cn): (TermsKey, Market) = ("other-terms".parse().unwrap(), "CN".parse().unwrap());
    let party = "Example AI Inc";
    for wanted in [
        Wanted { terms: &other, ..good },
        Wanted { party, ..good },
        Wanted {
            model: "larger",
            ..good
        },
        Wanted {
            action: UseAction::Release,
            ..good
        },
        Wanted { market: &cn, ..good },
    ] {
        assert!(!is_covered(wanted), "{wanted:?}");
    }
    // Whoever reads an empty list as everything must not be believed.
    let everywhere = GrantStatement {
        markets: Vec::new(),
        ..statement()
    };
    assert!(!covers(&everywhere, &good, |_, _| true));
}

#[test]
fn a_signature_over_one_kind_of_statement_is_none_over_another() {
    let bytes = String::from_utf8(statement_bytes(&statement()).unwrap()).unwrap();
    assert!(bytes.starts_with("cultivar/grant/v1\n{\"clause\":"), "{bytes}");
    assert!(serde_json::from_value::<ApprovalStatement>(serde_json::to_value(statement()).unwrap()).is_err());
}
