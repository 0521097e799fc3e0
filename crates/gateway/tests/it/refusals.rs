//! What is forbidden reaches no provider; what a provider refuses is recorded.

use cultivar_gateway::GatewayError;
use cultivar_policy::{Commerce, Competition, Training, stack};
use cultivar_record::{Purpose, Standing, TermsKey, digest_of};
use cultivar_store::tables;
use cultivar_testkit::{Script, ScriptedProvider};
use insta::assert_snapshot;

use crate::world::{MODEL, OPEN_TERMS, RESTRICTED_TERMS, World, at, told};

#[tokio::test]
async fn terms_that_nobody_accepted_permit_nothing() {
    let (world, provider) = (
        World::new().await,
        ScriptedProvider::start(Script::Says(&["yes"])).await.unwrap(),
    );
    world.register(&provider, OPEN_TERMS).await;
    let mut refusals = String::new();
    for purpose in [Purpose::Serve, Purpose::Collect, Purpose::Evaluate] {
        let caller = world.caller(purpose).await;
        let error = world.ask(&caller).await.unwrap_err();
        assert!(matches!(error, GatewayError::Forbidden { .. }), "{error}");
        refusals.push_str(&told(&error));
        refusals.push('\n');
    }
    assert_eq!(provider.calls(), []);
    assert_snapshot!(format!("{refusals}\n{}", world.photograph()));

    world.accept(OPEN_TERMS).await;
    world.ask(&world.caller(Purpose::Serve).await).await.unwrap();
    assert_eq!(provider.calls().len(), 1);
}

#[tokio::test]
async fn restricted_terms_permit_keeping_answers_but_not_training_on_them() {
    let (world, provider) = (
        World::new().await,
        ScriptedProvider::start(Script::Says(&["yes"])).await.unwrap(),
    );
    for terms in [OPEN_TERMS, RESTRICTED_TERMS] {
        world.accept(terms).await;
    }
    world.register(&provider, RESTRICTED_TERMS).await;
    world.ask(&world.caller(Purpose::Collect).await).await.unwrap();

    let training = Training {
        competition: Competition::Competes,
        commerce: Commerce::Commercial,
        untraced: 0,
    };
    let mut verdicts = Vec::new();
    for key in [RESTRICTED_TERMS, OPEN_TERMS] {
        let terms = world.gateway.terms(&key.parse().unwrap()).unwrap();
        let digest = digest_of(&terms).unwrap();
        let verdict = world
            .gateway
            .permit_training(&world.organization, (&terms, digest), "any", training)
            .await
            .unwrap();
        assert_eq!(verdict.terms_digest, digest);
        verdicts.push(format!("{key}: {:?} {:#?}", verdict.decision, verdict.reasons));
    }
    assert_snapshot!(format!("{}\n\n{}", verdicts.join("\n"), world.kinds().join("\n")));
}

#[tokio::test]
async fn terms_stay_readable_as_they_were_in_force() {
    let (world, _provider) = World::with_provider(Script::Says(&["yes"])).await;
    let terms = world.gateway.terms(&OPEN_TERMS.parse().unwrap()).unwrap();
    assert_eq!(world.gateway.terms_in_force(digest_of(&terms).unwrap()).unwrap(), terms);
    let unknown = world.gateway.terms(&"nowhere-1".parse().unwrap()).unwrap_err();
    assert_eq!(
        told(&unknown),
        "unknown_terms: there is no row `nowhere-1` in the terms register\nhelp: list the rows with `cultivar terms list`"
    );
}

#[tokio::test]
async fn an_organization_that_is_not_served_reaches_nobody() {
    let (world, provider) = World::with_provider(Script::Says(&["yes"])).await;
    let (_, key) = world
        .gateway
        .issue_key(&world.organization, "k", Purpose::Serve)
        .await
        .unwrap();
    let before = world.gateway.authenticate(&key).unwrap();
    for standing in [Standing::Suspended, Standing::Terminated] {
        world.put_in_standing(standing).await;
        let error = world.gateway.authenticate(&key).unwrap_err();
        assert_eq!(error.code_text(), "account_deactivated");
        // A caller who was let in while the organisation stood well is refused by policy where its standing is known.
        let error = world.ask(&before).await.unwrap_err();
        assert_eq!(error.code_text(), "account_deactivated");
    }
    assert_eq!(provider.calls(), []);
    for standing in [Standing::Warned, Standing::Limited, Standing::Active] {
        world.put_in_standing(standing).await;
        world.ask(&world.gateway.authenticate(&key).unwrap()).await.unwrap();
    }
    assert_eq!(provider.calls().len(), 3);
}

#[tokio::test]
async fn a_provider_that_refuses_is_quoted_to_the_caller_and_recorded_as_a_failure() {
    let (world, provider) = World::with_provider(Script::Says(&[])).await;
    let caller = world.caller(Purpose::Serve).await;
    let mut refusals = String::new();
    for (status, code, message) in [
        (400, "context_length_exceeded", "too many tokens"),
        (429, "rate_limit_exceeded", "slow down"),
        (500, "server_error", "try again"),
    ] {
        provider.follow(Script::Refuses { status, code, message });
        refusals.push_str(&told(&world.ask(&caller).await.unwrap_err()));
        refusals.push('\n');
    }
    provider.follow(Script::Sends("<html>a login page</html>"));
    refusals.push_str(&told(&world.ask(&caller).await.unwrap_err()));
    // What may pass is asked once more.
    assert_eq!(provider.calls().len(), 5);
    assert_snapshot!(format!("{refusals}\n\n{}", world.photograph()));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = ScriptedProvider::start(Script::Says(&["yes"])).await.unwrap();
    let to = format!("{}/chat/completions", elsewhere.base_url());
    let (world, provider) = World::with_provider(Script::Redirects(to)).await;
    let error = world.ask(&world.caller(Purpose::Serve).await).await.unwrap_err();
    assert!(
        error.to_string().starts_with("the provider `scripted` answered 307"),
        "{error}"
    );
    assert_eq!((provider.calls().len(), elsewhere.calls().len()), (1, 0));
}

#[tokio::test]
async fn a_provider_that_is_not_there_is_named() {
    let (world, provider) = World::with_provider(Script::Says(&["yes"])).await;
    let caller = world.caller(Purpose::Serve).await;
    drop(provider);
    let error = world.ask(&caller).await.unwrap_err();
    assert_eq!(
        told(&error),
        "provider_unreachable: the provider `scripted` cannot be reached: Connection refused (os error 111)\n\
         help: check `base_url` with `cultivar provider show scripted` and try again"
    );
    let error = world.ask_for_stream(&caller).await.unwrap_err();
    assert_eq!(error.code_text(), "provider_unreachable");
    let recorded = world.photograph();
    assert_eq!(
        recorded
            .matches(r#"{"failure":{"code":"provider_unreachable","status":null},"outcome":"failed"}"#)
            .count(),
        4,
        "each question was tried twice"
    );
}

#[tokio::test]
async fn a_provider_without_its_process_is_unreachable() {
    let world = World::new().await;
    world.accept(OPEN_TERMS).await;
    let teacher = cultivar_gateway::NewProvider {
        kind: cultivar_record::ProviderKind::Recorded,
        base_url: None,
        ..at("", OPEN_TERMS)
    };
    world
        .gateway
        .register_provider(world.organization.id, teacher.clone())
        .await
        .unwrap();
    let caller = world.caller(Purpose::Serve).await;
    let error = world.ask(&caller).await.unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("the embedded teacher is not running in this process"),
        "{error}"
    );

    let provider = ScriptedProvider::start(Script::Says(&["yes"])).await.unwrap();
    world.gateway.join_teacher(provider.base_url().to_owned());
    world.ask(&caller).await.unwrap();

    let local = cultivar_gateway::NewProvider {
        kind: cultivar_record::ProviderKind::Local,
        ..teacher
    };
    world
        .gateway
        .register_provider(world.organization.id, local)
        .await
        .unwrap();
    let error = world.ask(&caller).await.unwrap_err();
    assert_eq!(error.to_string(), format!("the model `{MODEL}` does not exist"));
}

#[tokio::test]
async fn of_a_stack_each_row_must_be_accepted_and_each_must_permit() {
    let world = World::new().await;
    let provider = ScriptedProvider::start(Script::Says(&["yes"])).await.unwrap();
    let key: TermsKey = "together-tos-2025-10-21+deepseek-mit".parse().unwrap();
    world.register(&provider, key.as_str()).await;
    let caller = world.caller(Purpose::Collect).await;
    world.accept("deepseek-mit").await;
    let one_is_not_accepted = world.ask(&caller).await.unwrap_err();
    assert!(
        matches!(one_is_not_accepted, GatewayError::Forbidden { .. }),
        "{one_is_not_accepted}"
    );
    world.accept("together-tos-2025-10-21").await;
    let (exchange, _) = world.ask(&caller).await.unwrap();

    let recorded = world
        .gateway
        .store()
        .read(|tx| tables::exchange::get(tx, exchange))
        .unwrap()
        .intent;
    assert_eq!(recorded.terms.as_str(), "deepseek-mit+together-tos-2025-10-21");
    let bound = world.gateway.terms_in_force(recorded.terms_digest).unwrap();
    let rows: Vec<String> = stack::parts(&bound).iter().map(|row| row.key.to_string()).collect();
    assert_eq!(rows, ["deepseek-mit", "together-tos-2025-10-21"]);

    let measured = world
        .gateway
        .permit_evaluation(&world.organization, (&bound, recorded.terms_digest), "any")
        .await
        .unwrap();
    assert!(!measured.permits(), "the model may be measured, its host may not");
    let whose: Vec<Option<String>> = measured
        .reasons
        .iter()
        .map(|reason| reason.terms.as_ref().map(ToString::to_string))
        .collect();
    assert!(
        !whose.is_empty()
            && whose
                .iter()
                .all(|row| row.as_deref() == Some("together-tos-2025-10-21")),
        "{measured:#?}"
    );
}
