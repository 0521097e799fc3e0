//! The chat page of a model of our own, which sees only so much at once.

use std::sync::Arc;

use cultivar_gateway::NewProvider;
use cultivar_record::{
    ProviderKind,
    chat::{Message, Role},
};
use cultivar_testkit::Script;
use serde_json::json;

use crate::{
    apprentice::Apprentice,
    pages::say,
    site::{Site, send},
};

const OWN: &str = "apprentice";
#[tokio::test(flavor = "multi_thread")]
async fn a_long_talk_with_our_own_model_goes_on_without_its_oldest_turns() {
    let site = Site::with_page_model(Script::Says(&[]), OWN).await;
    site.gateway.join_local(OWN, Arc::new(Apprentice));
    let own = NewProvider::plain(OWN, ProviderKind::Local, OWN, OWN, "own-models".parse().unwrap());
    site.gateway.register_provider(site.organization.id, own).await.unwrap();

    let long = "word ".repeat(150);
    let said = [
        Message::text(Role::User, long.as_str()),
        Message::text(Role::Assistant, long.as_str()),
    ];
    let so_far = serde_json::to_string(&said).unwrap();
    let page = say(&site, &so_far, "two words");
    assert!(page.body.contains("<p>shown 2</p>"), "{}", page.body);

    let with_scripts = json!({ "messages": [said[0], said[1], Message::text(Role::User, "and three words")] });
    let headers = [("content-type", "application/json")];
    let body = with_scripts.to_string();
    let streamed = send(site.address, "POST", "/chat/stream", &headers, body.as_bytes());
    assert!(
        streamed.body.starts_with("event: text\ndata: \"shown 3\"\n\n"),
        "{}",
        streamed.body
    );
}
