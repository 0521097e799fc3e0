//! Organisations, keys, providers, acceptances, verdicts.

use std::sync::Arc;

use cultivar_record::{ApiKey, Decision, Provider, canonical_json};
use cultivar_store::{Database, tables};

use super::{furnished, told, write};

pub(crate) fn an_organization_is_found_by_id_and_name(database: Arc<dyn Database>) {
    let (store, samples) = furnished(database);
    let (first, second) = (samples.organization.clone(), samples.another_organization("library"));
    let row = second.clone();
    write(&store, move |tx| tables::organization::insert(tx, &row)).unwrap();

    store
        .read(|tx| {
            assert_eq!(tables::organization::get(tx, second.id)?, second);
            assert_eq!(tables::organization::by_name(tx, "lab")?, Some(first.clone()));
            assert_eq!(tables::organization::by_name(tx, "LAB")?, None);
            assert_eq!(tables::organization::list(tx)?, [first, second]);
            Ok(())
        })
        .unwrap();
    let unknown = samples.another_organization("nobody").id;
    assert_eq!(
        told(store.read(|tx| tables::organization::get(tx, unknown))),
        format!("store::not_found: there is no org `{unknown}`")
    );
}

pub(crate) fn the_name_of_an_organization_is_taken_once(database: Arc<dyn Database>) {
    let (store, samples) = furnished(database);
    let twin = samples.another_organization("lab");
    assert_eq!(
        told(write(&store, move |tx| tables::organization::insert(tx, &twin))),
        "store::exists: org `lab` exists already"
    );
    assert_eq!(store.read(tables::organization::list).unwrap().len(), 1);
}

pub(crate) fn what_is_stored_is_the_canonical_text(database: Arc<dyn Database>) {
    let (store, samples) = furnished(database);
    let rows = store
        .read(|tx| tx.query("SELECT record FROM organization", &[]))
        .unwrap();
    assert_eq!(rows[0].text(0).unwrap(), canonical_json(&samples.organization).unwrap());
}

pub(crate) fn a_key_is_found_by_its_hash_alone(database: Arc<dyn Database>) {
    let (store, samples) = furnished(database);
    let (first, second) = (samples.api_key("first"), samples.api_key("second"));
    let rows = [(first.clone(), "aa"), (second.clone(), "bb")];
    write(&store, move |tx| {
        rows.iter()
            .try_for_each(|(key, hash)| tables::api_key::insert(tx, key, hash))
    })
    .unwrap();

    store
        .read(|tx| {
            assert_eq!(tables::api_key::by_hash(tx, "bb")?, Some(second.clone()));
            assert_eq!(tables::api_key::by_hash(tx, "sk-cultivar-abcdef")?, None);
            assert_eq!(tables::api_key::get(tx, first.id)?, first);
            assert_eq!(tables::api_key::list(tx)?, [first.clone(), second]);
            Ok(())
        })
        .unwrap();

    let revoked = ApiKey {
        revoked_at: Some(samples.now()),
        ..first
    };
    let row = revoked.clone();
    write(&store, move |tx| tables::api_key::update(tx, &row)).unwrap();
    assert_eq!(
        store.read(|tx| tables::api_key::by_hash(tx, "aa")).unwrap(),
        Some(revoked)
    );
}

pub(crate) fn a_key_needs_its_organization_and_a_hash_of_its_own(database: Arc<dyn Database>) {
    let (store, samples) = furnished(database);
    let (key, twin, unknown) = (
        samples.api_key("k"),
        samples.api_key("twin"),
        samples.api_key("unknown"),
    );
    write(&store, move |tx| tables::api_key::insert(tx, &key, "aa")).unwrap();
    assert_eq!(
        told(write(&store, move |tx| tables::api_key::insert(tx, &twin, "aa"))),
        "store::exists: key `twin` exists already"
    );
    let id = unknown.id;
    let row = unknown.clone();
    assert_eq!(
        told(write(&store, move |tx| tables::api_key::update(tx, &row))),
        format!("store::not_found: there is no key `{id}`")
    );
    let orphan = ApiKey {
        organization: samples.another_organization("gone").id,
        ..unknown
    };
    let refused = told(write(&store, move |tx| tables::api_key::insert(tx, &orphan, "cc")));
    assert!(refused.starts_with("store::database: "), "{refused}");
}

pub(crate) fn a_provider_is_kept_updated_and_removed(database: Arc<dyn Database>) {
    let (store, samples) = furnished(database);
    let (first, second) = (
        samples.provider("first", "model-a"),
        samples.provider("second", "model-b"),
    );
    let rows = [first.clone(), second.clone()];
    write(&store, move |tx| {
        rows.iter().try_for_each(|row| tables::provider::insert(tx, row))
    })
    .unwrap();
    assert_eq!(
        store.read(tables::provider::list).unwrap(),
        [first.clone(), second.clone()]
    );

    let moved = Provider {
        model: "model-c".to_owned(),
        ..first
    };
    let row = moved.clone();
    write(&store, move |tx| tables::provider::update(tx, &row)).unwrap();
    assert_eq!(
        store.read(|tx| tables::provider::by_name(tx, "first")).unwrap(),
        Some(moved)
    );

    write(&store, |tx| tables::provider::remove(tx, "first")).unwrap();
    assert_eq!(store.read(tables::provider::list).unwrap(), [second]);
    assert_eq!(
        told(write(&store, |tx| tables::provider::remove(tx, "first"))),
        "store::not_found: there is no provider `first`"
    );
}

pub(crate) fn a_provider_has_a_name_of_its_own_and_may_share_its_model(database: Arc<dyn Database>) {
    let (store, samples) = furnished(database);
    let rows = [
        samples.provider("first", "model-a"),
        samples.provider("second", "model-a"),
    ];
    write(&store, move |tx| {
        rows.iter().try_for_each(|row| tables::provider::insert(tx, row))
    })
    .unwrap();
    let twin = samples.provider("first", "model-c");
    assert_eq!(
        told(write(&store, move |tx| tables::provider::insert(tx, &twin))),
        "store::exists: provider `first` exists already"
    );
    let unknown = samples.provider("third", "model-c");
    assert_eq!(
        told(write(&store, move |tx| tables::provider::update(tx, &unknown))),
        "store::not_found: there is no provider `third`"
    );
}

pub(crate) fn the_same_terms_are_accepted_once_and_their_next_version_again(database: Arc<dyn Database>) {
    let (store, samples) = furnished(database);
    let (first, next) = (samples.acceptance(), samples.acceptance());
    let accept = |acceptance: &cultivar_record::Acceptance| {
        let row = acceptance.clone();
        write(&store, move |tx| tables::acceptance::put(tx, &row)).unwrap();
    };
    accept(&first);
    accept(&first);
    accept(&next);
    let listed = store.read(tables::acceptance::list).unwrap();
    assert_eq!(listed.len(), 2);
    assert!(listed.contains(&first) && listed.contains(&next));
}

pub(crate) fn a_verdict_is_kept_whichever_way_it_went(database: Arc<dyn Database>) {
    let (store, samples) = furnished(database);
    for verdict in [samples.verdict(Decision::Permit), samples.verdict(Decision::Forbid)] {
        let row = verdict.clone();
        write(&store, move |tx| tables::verdict::insert(tx, &row)).unwrap();
        assert_eq!(store.read(|tx| tables::verdict::get(tx, verdict.id)).unwrap(), verdict);
    }
    let decisions = store
        .read(|tx| tx.query("SELECT decision FROM verdict ORDER BY id", &[]))
        .unwrap();
    let decisions: Vec<&str> = decisions.iter().map(|row| row.text(0).unwrap()).collect();
    assert_eq!(decisions, ["permit", "forbid"]);
    let unknown = samples.verdict(Decision::Permit).id;
    assert_eq!(
        told(store.read(|tx| tables::verdict::get(tx, unknown))),
        format!("store::not_found: there is no verdict `{unknown}`")
    );
}
