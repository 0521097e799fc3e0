//! Approvals: a change of anything voids them.

use cultivar_attest::{AttestError, Checklist, Circumstances, Collected, approval_standing, collect, take_signature};
use cultivar_record::{
    Approval, ApprovalId, ApprovalStatement, Digest, Member, MemberKey, MemberRole, Quorum, Timestamp, Withdrawal,
};
use miette::Diagnostic;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::people::{day, key, organization, people, signed};

fn digest(text: &str) -> Digest {
    Digest::of_bytes(text.as_bytes())
}

fn evidence() -> Collected {
    collect(&Checklist::default(), &[], None).unwrap()
}

fn quorum() -> Quorum {
    Quorum {
        people: 2,
        roles: vec![MemberRole::Legal, MemberRole::Safety],
        longest_days: 365,
    }
}

fn statement() -> ApprovalStatement {
    ApprovalStatement {
        v: 1,
        id: ApprovalId::from_parts(day(1), &[9; 32]),
        organization: organization(0),
        model: "assistant".to_owned(),
        subject: digest("weights"),
        market: "CN".parse().unwrap(),
        evidence: evidence().digest,
        policies: digest("policies"),
        competes: true,
        commercial: true,
        fulfils: Vec::new(),
        requested_by: "Ruth Requester".to_owned(),
        requested_at: day(1),
        expires_at: day(100),
    }
}

fn approval() -> Approval {
    let statement = statement();
    Approval {
        signatures: signed(&statement, &[2, 3], &people()),
        statement,
        withdrawn: None,
    }
}

struct World {
    now: Timestamp,
    subject: Option<Digest>,
    evidence: Collected,
    policies: Digest,
    quorum: Quorum,
    members: Vec<Member>,
}

impl World {
    fn new() -> Self {
        Self {
            now: day(2),
            subject: Some(digest("weights")),
            evidence: evidence(),
            policies: digest("policies"),
            quorum: quorum(),
            members: people(),
        }
    }

    fn codes(&self, approval: &Approval) -> Vec<String> {
        let standing = approval_standing(
            approval,
            &Circumstances {
                now: self.now,
                subject: self.subject,
                evidence: &self.evidence,
                policies: self.policies,
                quorum: &self.quorum,
                members: &self.members,
            },
        );
        assert_eq!(standing.holds(), standing.faults.is_empty());
        standing.faults.iter().map(code).collect()
    }
}

fn code(error: &AttestError) -> String {
    assert!(error.help().is_some(), "{error} has no help");
    error
        .code()
        .unwrap()
        .to_string()
        .trim_start_matches("attest::")
        .to_owned()
}

#[test]
fn two_people_of_the_right_roles_open_the_market() {
    assert_eq!(World::new().codes(&approval()), Vec::<String>::new());
}

/// Another value for each field; a field that is added and forgotten here fails the test.
fn altered(field: &str) -> Option<Value> {
    Some(match field {
        "v" => json!(2),
        "id" => json!(ApprovalId::from_parts(day(1), &[8; 32])),
        "organization" => json!(organization(1)),
        "model" => json!("assistant2"),
        "subject" => json!(digest("weights, one byte changed")),
        "market" => json!("US"),
        "evidence" => json!(digest("other evidence")),
        "policies" => json!(digest("other policies")),
        "competes" | "commercial" => json!(false),
        "fulfils" => json!(["caps"]),
        "requested_by" => json!("Aud Auditor"),
        "requested_at" => json!(day(0)),
        "expires_at" => json!(day(101)),
        _ => return None,
    })
}

#[test]
fn each_field_altered_in_turn_voids_it() {
    let fields = serde_json::to_value(statement()).unwrap();
    for (field, before) in fields.as_object().unwrap() {
        let mut changed = fields.clone();
        let other = altered(field).unwrap_or_else(|| panic!("no other value for `{field}`"));
        assert_ne!(before, &other, "{field}");
        changed[field] = other;
        let statement: ApprovalStatement = serde_json::from_value(changed).unwrap();
        // Even where everything around it were as the altered statement says.
        let world = World {
            subject: Some(statement.subject),
            policies: statement.policies,
            evidence: Collected {
                digest: statement.evidence,
                faults: Vec::new(),
            },
            ..World::new()
        };
        let forged = Approval {
            statement,
            ..approval()
        };
        let codes = world.codes(&forged);
        assert!(codes.contains(&"too_few_people".to_owned()), "{field}: {codes:?}");
    }
}

#[test]
fn whatever_changes_around_it_voids_it_and_says_why() {
    let good = approval();
    let withdrawn = Approval {
        withdrawn: Some(Withdrawal {
            at: day(2),
            by: "Ruth Requester".to_owned(),
        }),
        ..good.clone()
    };
    let told = |change: &dyn Fn(&mut World)| {
        let mut world = World::new();
        change(&mut world);
        world.codes(&good)
    };
    assert_eq!(World::new().codes(&withdrawn), ["withdrawn"]);
    assert_eq!(told(&|world| world.now = day(100)), ["expired"]);
    assert_eq!(
        told(&|world| world.now = Timestamp::from_micros(day(100).micros() - 1)),
        Vec::<String>::new()
    );
    assert_eq!(
        told(&|world| world.subject = Some(digest("other"))),
        ["subject_changed"]
    );
    assert_eq!(told(&|world| world.subject = None), ["subject_changed"]);
    assert_eq!(told(&|world| world.policies = digest("other")), ["policies_changed"]);
    assert_eq!(
        told(&|world| world.evidence.digest = digest("other")),
        ["evidence_changed"]
    );
    assert_eq!(told(&|world| world.quorum.longest_days = 98), ["too_long"]);
    assert_eq!(told(&|world| world.quorum.people = 3), ["too_few_people"]);
    assert_eq!(
        told(&|world| world.quorum.roles.push(MemberRole::Privacy)),
        ["role_missing"]
    );
    let left = told(&|world| world.members[1].removed_at = Some(day(2)));
    assert_eq!(left, ["too_few_people", "role_missing", "signer_removed"]);
    let lost = told(&|world| world.members[1].keys[0].void_since = Some(day(2)));
    assert_eq!(lost, ["too_few_people", "role_missing", "key_void"]);
    let demoted = told(&|world| world.members[1].roles = vec![MemberRole::Auditor]);
    assert_eq!(demoted, ["too_few_people", "role_missing", "signer_lacks_role"]);
    let moved = told(&|world| world.members[1].organization = organization(1));
    assert_eq!(moved, ["too_few_people", "role_missing", "unknown_signer"]);
    // A key that was replaced later leaves what was signed with it as it is.
    assert_eq!(
        told(&|world| world.members[1].keys[0].until = Some(day(2))),
        Vec::<String>::new()
    );
    assert_eq!(
        told(&|world| world.members[1].keys[0].until = Some(day(1))),
        ["too_few_people", "role_missing", "key_replaced"]
    );
}

#[test]
fn fewer_than_two_people_never_suffice_whatever_the_rule_says() {
    let alone = Approval {
        signatures: approval().signatures[..1].to_vec(),
        ..approval()
    };
    let world = World {
        quorum: Quorum {
            people: 0,
            roles: Vec::new(),
            ..quorum()
        },
        ..World::new()
    };
    assert_eq!(world.codes(&alone), ["too_few_people"]);
    let twice = Approval {
        signatures: vec![alone.signatures[0].clone(), alone.signatures[0].clone()],
        ..alone
    };
    assert_eq!(world.codes(&twice), ["too_few_people", "replayed"]);
}

#[test]
fn two_members_with_one_key_are_one_pair_of_eyes() {
    let mut world = World::new();
    world.quorum.roles.clear();
    let mut twin = world.members[1].clone();
    twin.id = world.members[3].id;
    twin.name = "Twin".to_owned();
    world.members[3] = twin;
    let mut good = approval();
    good.signatures.truncate(1);
    let mut copy = good.signatures[0].clone();
    copy.member = world.members[3].id;
    good.signatures.push(copy);
    assert_eq!(world.codes(&good), ["too_few_people", "replayed"]);
}

#[test]
fn who_cannot_sign_is_refused_with_a_code_of_its_own() {
    let (statement, mut members) = (statement(), people());
    members[2].removed_at = Some(day(1));
    members[1].keys[0].until = Some(day(1));
    members[1].keys.push(MemberKey {
        public: key(12).public(),
        from: day(1),
        until: None,
        void_since: None,
    });
    let hand_in = |number: u8| {
        let key = key(number);
        let signature = key.sign(&statement).unwrap();
        let taken = take_signature(&statement, &[], &members, (&key.public(), &signature), day(1));
        taken.map_err(|error| code(&error))
    };
    assert_eq!(hand_in(1).unwrap_err(), "requester_signs");
    assert_eq!(hand_in(2).unwrap_err(), "key_replaced");
    assert_eq!(hand_in(3).unwrap_err(), "signer_removed");
    assert_eq!(hand_in(4).unwrap_err(), "signer_lacks_role");
    assert_eq!(hand_in(5).unwrap_err(), "unknown_signer");
    let taken = hand_in(12).unwrap();
    // The same person again, with whichever key.
    let again = key(12).sign(&statement).unwrap();
    let replayed = take_signature(&statement, &[taken], &members, (&key(12).public(), &again), day(1));
    assert_eq!(code(&replayed.unwrap_err()), "replayed");
    let foreign = key(12).sign(&ApprovalStatement {
        market: "US".parse().unwrap(),
        ..statement.clone()
    });
    let wrong = take_signature(
        &statement,
        &[],
        &members,
        (&key(12).public(), &foreign.unwrap()),
        day(1),
    );
    assert_eq!(code(&wrong.unwrap_err()), "signature_wrong");
}

proptest! {
    /// No bit of a signature or of a key may differ.
    #[test]
    fn a_changed_signature_or_key_does_not_count(at in 0_usize..88, letter in "[A-Za-z0-9+/=]", of_key in any::<bool>()) {
        let mut forged = approval();
        let text = if of_key { &mut forged.signatures[0].key } else { &mut forged.signatures[0].signature };
        let at = at % text.len();
        prop_assume!(text[at..=at] != *letter);
        text.replace_range(at..=at, &letter);
        prop_assert!(!World::new().codes(&forged).is_empty());
    }
}
