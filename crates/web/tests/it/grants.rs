//! Grants: a contract lifts the refusal that it covers, and no other.

use std::time::Duration;

use cultivar_attest::SecretKey;
use cultivar_governance::{self as governance, HandedSignature, NewGrant, Replaced};
use cultivar_policy::{Commerce, Competition, Training};
use cultivar_record::{
    Ambient, Digest, FactName, GrantId, MemberRole, Organization, Terms, Timestamp, UseAction, Verdict, digest_of,
};

use crate::door::Door;

const TERMS: &str = "openai-services-2026-01-01";
const NAMES: [&str; 2] = ["Lee", "Sam"];

fn keys() -> Vec<SecretKey> {
    (1..=2).map(|number| SecretKey::from_seed(&[number; 32])).collect()
}

/// A door whose organisation accepted the closed terms, with two people who sign.
async fn opened() -> (Door, Terms) {
    let door = Door::open().await;
    door.accept(&door.organization, TERMS).await;
    let (gateway, organization) = (&door.gateway, door.organization.id);
    for (name, key) in NAMES.into_iter().zip(keys()) {
        let roles = vec![MemberRole::Legal];
        governance::put_member(gateway, organization, name, roles)
            .await
            .unwrap();
        governance::register_key(gateway, organization, name, &key.public(), Replaced::InOrder)
            .await
            .unwrap();
    }
    let terms = gateway.terms(&TERMS.parse().unwrap()).unwrap();
    (door, terms)
}

async fn train(door: &Door, organization: &Organization, terms: &Terms, model: &str) -> Verdict {
    let training = Training {
        competition: Competition::Competes,
        commerce: Commerce::Commercial,
        untraced: 0,
    };
    let under = (terms, digest_of(terms).unwrap());
    let verdict = door.gateway.permit_training(organization, under, model, training).await;
    verdict.unwrap()
}

/// Two people sign a grant for an hour; before the second one it lifts nothing.
async fn signed(door: &Door, terms: &Terms) -> GrantId {
    let (gateway, organization) = (&door.gateway, &door.organization);
    let new = NewGrant {
        party: terms.party.clone(),
        clause: "4.2".to_owned(),
        document: Digest::of_bytes(b"contract"),
        waives: vec![FactName::TrainCompeting],
        terms: vec![terms.key.clone()],
        models: vec!["gpt-4o".to_owned()],
        purposes: vec![UseAction::Train],
        markets: vec!["US".parse().unwrap()],
        drafted_by: "Lee".to_owned(),
        expires_at: Timestamp::from_micros(door.ambient.now().micros() + 3_600_000_000),
    };
    let statement = governance::draft_grant(gateway, organization, new).unwrap();
    for (count, key) in keys().iter().enumerate() {
        let handed = HandedSignature {
            key: key.public(),
            signature: key.sign(&statement).unwrap(),
        };
        let signed = governance::sign_grant(gateway, organization, statement.clone(), &handed).await;
        assert_eq!(signed.unwrap().standing.holds(), count == 1);
        assert_eq!(train(door, organization, terms, "gpt-4o").await.permits(), count == 1);
    }
    statement.id
}

#[tokio::test]
async fn a_grant_lifts_the_refusal_that_it_covers_and_no_other_until_it_ends() {
    let (door, terms) = opened().await;
    let organization = &door.organization;
    let before = train(&door, organization, &terms, "gpt-4o").await;
    let reason = before.first_reason().unwrap();
    assert_eq!(
        (reason.policy.as_str(), reason.clause.is_some()),
        ("train.competing", true)
    );

    let id = signed(&door, &terms).await;
    let lifted = train(&door, organization, &terms, "gpt-4o").await;
    assert_eq!(lifted.grants, [id]);
    assert!(lifted.waived.contains(FactName::TrainCompeting));
    let another = train(&door, organization, &terms, "gpt-5").await;
    assert!(!another.permits(), "a model that the contract does not name");
    let under = (&terms, digest_of(&terms).unwrap());
    let evaluated = door.gateway.permit_evaluation(organization, under, "gpt-4o").await;
    assert!(
        evaluated.unwrap().grants.is_empty(),
        "a use that the contract does not name"
    );
    let (elsewhere, _) = door.organization("other", "US").await;
    door.accept(&elsewhere, TERMS).await;
    let others = train(&door, &elsewhere, &terms, "gpt-4o").await;
    assert!(!others.permits(), "another organisation");

    governance::revoke_grant(&door.gateway, organization, id, "Lee")
        .await
        .unwrap();
    assert!(!train(&door, organization, &terms, "gpt-4o").await.permits(), "revoked");
    signed(&door, &terms).await;
    governance::remove_member(&door.gateway, organization.id, "Sam")
        .await
        .unwrap();
    assert!(
        !train(&door, organization, &terms, "gpt-4o").await.permits(),
        "who signed it has left"
    );
}

#[tokio::test]
async fn an_expired_grant_lifts_nothing() {
    let (door, terms) = opened().await;
    signed(&door, &terms).await;
    door.ambient.advance(Duration::from_hours(1));
    let after = train(&door, &door.organization, &terms, "gpt-4o").await;
    assert!(!after.permits() && after.grants.is_empty());
}
