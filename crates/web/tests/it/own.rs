//! The chat page of a model of our own, which sees only so much at once.

use std::{ops::ControlFlow, sync::Arc};

use cultivar_gateway::NewProvider;
use cultivar_own::{
    LocalEnd, LocalFailure, LocalInfo, LocalModel, LocalOptions, LocalSampling, LocalScore, LocalToken, LocalWritten,
    TemplateEnd,
};
use cultivar_record::{
    ProviderKind, TokenCount,
    chat::{Message, Role},
};
use cultivar_testkit::Script;
use serde_json::json;

use crate::{
    pages::say,
    site::{Site, TERMS, send},
};

const OWN: &str = "apprentice";
/// Tokens that it sees at once: enough for the page's longest answer and a short question.
const CONTEXT: usize = 240;

/// A turn is as many tokens as it has words; it answers with how many it was shown.
struct Counts;

impl LocalModel for Counts {
    fn score(&self, _: &[Message]) -> Result<Vec<LocalScore>, String> {
        Err("not asked here".to_owned())
    }

    fn info(&self) -> Result<LocalInfo, LocalFailure> {
        Ok(LocalInfo {
            vocab: 1,
            context: Some(CONTEXT),
            preferred: LocalSampling {
                max_tokens: 1,
                ..LocalSampling::default()
            },
            ..LocalInfo::default()
        })
    }

    fn render(&self, messages: &[Message], end: TemplateEnd) -> Result<Vec<u32>, LocalFailure> {
        let room = match end {
            TemplateEnd::OpenWithin(room) => room,
            TemplateEnd::Open | TemplateEnd::Closed => usize::MAX,
        };
        let mut words = 0;
        for message in messages.iter().rev() {
            let more = message.plain_text().split_whitespace().count();
            if words + more > room {
                break;
            }
            words += more;
        }
        Ok(vec![0; words])
    }

    fn write(
        &self,
        prompt: &[u32],
        _: &LocalOptions,
        _: &mut dyn FnMut(LocalToken) -> ControlFlow<()>,
    ) -> Result<LocalWritten, LocalFailure> {
        let rest = format!("shown {}", prompt.len());
        Ok(LocalWritten {
            characters: rest.len(),
            rest,
            prompt: TokenCount::new(prompt.len() as u64),
            completion: TokenCount::new(1),
            end: LocalEnd::Turn,
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_talk_with_our_own_model_goes_on_without_its_oldest_turns() {
    let site = Site::with_page_model(Script::Says(&[]), OWN).await;
    site.gateway.join_local(OWN, Arc::new(Counts));
    let own = NewProvider::plain(OWN, ProviderKind::Local, OWN, OWN, TERMS.parse().unwrap());
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
