//! The model API where all goes well.

use cultivar_record::Purpose;
use cultivar_store::tables;
use cultivar_testkit::Script;
use insta::assert_snapshot;
use serde_json::json;

use crate::site::{Site, question, scripted, send};

#[tokio::test(flavor = "multi_thread")]
async fn a_completion_is_answered_under_the_name_of_its_exchange() {
    let site = Site::with_provider(Script::Says(&["Because of ", "Rayleigh."])).await;
    let reply = site.complete(&question());
    assert_snapshot!(reply.photograph());
    let exchange = reply.header("x-request-id").unwrap().parse().unwrap();
    let recorded = site
        .gateway
        .store()
        .read(|tx| tables::exchange::get(tx, exchange))
        .unwrap();
    assert_eq!(recorded.outcome.unwrap().name(), "answered");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_models_are_listed_with_their_terms() {
    let site = Site::with_provider(Script::Says(&[])).await;
    assert_snapshot!(site.get_with_key("/v1/models").photograph());
    assert_eq!(
        site.get_with_key("/v1/models/lecturer").json(),
        site.get_with_key("/v1/models").json()["data"][0]
    );
    let slashed = cultivar_gateway::NewProvider {
        name: "second".to_owned(),
        model: "meta/lecturer".to_owned(),
        ..scripted(&site.provider)
    };
    site.gateway
        .register_provider(site.organization.id, slashed)
        .await
        .unwrap();
    assert_eq!(
        site.get_with_key("/v1/models/meta%2Flecturer").json()["id"],
        "meta/lecturer"
    );
    assert_eq!(
        site.get_with_key("/v1/models").json()["data"].as_array().unwrap().len(),
        2
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_read_as_clients_write_it() {
    let site = Site::with_provider(Script::Says(&["yes"])).await;
    for authorization in [format!("Bearer {}", site.key), format!("bearer {} ", site.key)] {
        let reply = send(
            site.address,
            "GET",
            "/v1/models",
            &[("authorization", &authorization)],
            b"",
        );
        assert_eq!(reply.status, 200, "{authorization}");
    }
    for authorization in ["", "Bearer", "Bearer ", "Basic YTpi", &site.key] {
        let reply = send(
            site.address,
            "GET",
            "/v1/models",
            &[("authorization", authorization)],
            b"",
        );
        assert_eq!(reply.status, 401, "{authorization}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_sends_beyond_our_fields_arrives_at_the_provider() {
    let site = Site::with_provider(Script::Says(&["yes"])).await;
    let mut body = question();
    body["tools"] = json!([{ "type": "function", "function": { "name": "f" } }]);
    body["max_completion_tokens"] = json!(9);
    assert_eq!(site.complete(&body).status, 200);
    body["model"] = json!("scripted-large");
    assert_eq!(site.provider.calls()[0].body, body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_decides_what_its_answers_are_for() {
    let site = Site::with_provider(Script::Says(&["yes"])).await;
    let (_, collecting) = site
        .gateway
        .issue_key(&site.organization, "c", Purpose::Collect)
        .await
        .unwrap();
    assert_eq!(
        site.complete_with(&collecting, question().to_string().as_bytes())
            .status,
        200
    );
    let exchanges = site
        .gateway
        .store()
        .read(|tx| tables::exchange::page(tx, None, 9))
        .unwrap();
    assert_eq!(exchanges[0].intent.purpose, Purpose::Collect);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_says_that_it_lives() {
    let site = Site::with_provider(Script::Says(&[])).await;
    let reply = site.get("/healthz");
    assert_eq!((reply.status, reply.body.as_str()), (200, "ok\n"));
}
