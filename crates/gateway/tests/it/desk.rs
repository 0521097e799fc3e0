//! What is registered before anybody asks.

use cultivar_gateway::{NewProvider, Registered};
use cultivar_record::Purpose;
use cultivar_testkit::{Script, ScriptedProvider};

use crate::world::{MODEL, OPEN_TERMS, RESTRICTED_TERMS, World, at, told};

#[tokio::test]
async fn a_key_works_until_it_is_revoked() {
    let world = World::new().await;
    let (key, text) = world
        .gateway
        .issue_key(&world.organization, "k", Purpose::Serve)
        .await
        .unwrap();
    assert!(text.starts_with(&key.prefix) && text.starts_with("sk-cultivar-"));
    assert_eq!(world.gateway.authenticate(&text).unwrap().key.as_ref(), &key);
    for wrong in [
        "",
        "sk-cultivar-",
        &key.prefix,
        &text[..text.len() - 1],
        &format!("{text}x"),
    ] {
        let error = world.gateway.authenticate(wrong).unwrap_err();
        assert_eq!(error.to_string(), "the API key is missing or not known");
    }

    let revoked = world.gateway.revoke_key(key.id).await.unwrap();
    assert_eq!(world.gateway.revoke_key(key.id).await.unwrap(), revoked);
    assert_eq!(
        told(&world.gateway.authenticate(&text).unwrap_err()),
        format!(
            "invalid_api_key: the API key `{}…` was revoked\nhelp: make a new key with `cultivar key create`",
            key.prefix
        )
    );
    assert_eq!(world.kinds(), ["organization_created", "key_issued", "key_revoked"]);
    let rows = world
        .gateway
        .store()
        .read(|tx| tx.query("SELECT * FROM api_key", &[]))
        .unwrap();
    assert!(!format!("{rows:?}").contains(&text), "the key itself is stored");
}

#[tokio::test]
async fn an_organization_is_created_once() {
    let world = World::new().await;
    let again = world
        .gateway
        .create_organization("lab", "EU".parse().unwrap())
        .await
        .unwrap();
    assert_eq!(again, world.organization);
    assert_eq!(world.kinds(), ["organization_created"]);
}

#[tokio::test]
async fn terms_are_accepted_once_by_a_named_person() {
    let world = World::new().await;
    assert_eq!(world.accept(OPEN_TERMS).await, Registered::New);
    assert_eq!(world.accept(OPEN_TERMS).await, Registered::Already);
    let unknown = world
        .gateway
        .accept_terms(&world.organization, &"nowhere-1".parse().unwrap(), "Ann")
        .await;
    assert_eq!(unknown.unwrap_err().code_text(), "unknown_terms");
    assert_eq!(world.kinds(), ["organization_created", "terms_accepted"]);
}

#[tokio::test]
async fn a_provider_is_registered_brought_up_to_date_and_removed() {
    let world = World::new().await;
    let register = |new: NewProvider| world.gateway.register_provider(world.organization.id, new);
    let first = at("http://127.0.0.1:9/v1", OPEN_TERMS);
    assert_eq!(register(first.clone()).await.unwrap(), Registered::New);
    assert_eq!(register(first.clone()).await.unwrap(), Registered::Already);
    let moved = NewProvider {
        model: "speaker".to_owned(),
        terms: RESTRICTED_TERMS.parse().unwrap(),
        ..first.clone()
    };
    assert_eq!(register(moved.clone()).await.unwrap(), Registered::New);
    assert_eq!(
        world.gateway.offers_of(MODEL).err().unwrap().code_text(),
        "model_not_found"
    );
    assert_eq!(world.gateway.offers_of("speaker").unwrap()[0].terms.key, moved.terms);

    let second = NewProvider {
        name: "second".to_owned(),
        ..first.clone()
    };
    register(second.clone()).await.unwrap();
    // Two providers of one model are its candidates.
    let beside = NewProvider {
        model: "speaker".to_owned(),
        ..second.clone()
    };
    assert_eq!(register(beside).await.unwrap(), Registered::New);
    assert_eq!(world.gateway.offers_of("speaker").unwrap().len(), 2);
    register(second).await.unwrap();
    assert_eq!(world.gateway.offers_of("speaker").unwrap()[0].provider.name, "scripted");

    world
        .gateway
        .remove_provider(world.organization.id, "scripted")
        .await
        .unwrap();
    assert_eq!(
        world.gateway.offers_of("speaker").err().unwrap().code_text(),
        "model_not_found"
    );
    let gone = world
        .gateway
        .remove_provider(world.organization.id, "scripted")
        .await
        .unwrap_err();
    assert_eq!(gone.to_string(), "there is no provider `scripted`");
    let expected = [
        "organization_created",
        "provider_registered",
        "provider_registered",
        "provider_registered",
        "provider_registered",
        "provider_registered",
        "provider_removed",
    ];
    assert_eq!(world.kinds(), expected);
}

#[tokio::test]
async fn what_was_registered_is_there_after_a_restart() {
    let (world, provider) = (
        World::new().await,
        ScriptedProvider::start(Script::Says(&["yes"])).await.unwrap(),
    );
    world.accept(OPEN_TERMS).await;
    world.register(&provider, OPEN_TERMS).await;
    let (_, key) = world
        .gateway
        .issue_key(&world.organization, "k", Purpose::Serve)
        .await
        .unwrap();
    let again = world.opened_again().unwrap();
    assert_eq!(again.providers(), world.gateway.providers());
    let caller = again.authenticate(&key).unwrap();
    again.complete(&caller, crate::world::question()).await.unwrap();
    assert_eq!(provider.calls().len(), 1);
}
