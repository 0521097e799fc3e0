//! What people say stays out of the ledger, out of the database and out of every error.

use std::{path::Path, time::Duration};

use cultivar_gateway::Question;
use cultivar_record::{
    Purpose,
    chat::{ChatRequest, Message, Role},
};
use cultivar_testkit::Script;
use miette::Diagnostic;

use crate::world::{MODEL, World, heard, soon, streaming};

/// A word that nothing else contains.
const MARKER: &str = "xylophonic-quokka";

fn marked() -> Question {
    Question::alone(ChatRequest::plain(
        MODEL,
        vec![Message::text(Role::User, format!("my name is {MARKER}"))],
    ))
}

/// The files below a folder that hold the marker.
fn holding(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(holding(&path));
        } else if std::fs::read(&path)
            .unwrap()
            .windows(MARKER.len())
            .any(|window| window == MARKER.as_bytes())
        {
            found.push(path.display().to_string());
        }
    }
    found
}

#[tokio::test]
async fn text_of_people_lies_in_blobs_and_nowhere_else() {
    let (world, _provider) = World::with_provider(Script::Says(&["hello ", MARKER])).await;
    let caller = world.caller(Purpose::Serve).await;
    world.gateway.complete(&caller, marked()).await.unwrap();
    let (_, answer) = world.gateway.complete(&caller, streaming(marked())).await.unwrap();
    let cultivar_gateway::Answer::Stream(events) = answer else {
        panic!("a stream was asked for")
    };
    heard(events).await;
    world.verified();
    let root = world.dir().root().to_owned();
    let packs = world.dir().blobs().join("packs");
    // The journal is wiped within a moment of quiet.
    let mut found = holding(&root);
    for _ in 0..100 {
        if found.len() <= 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        found = holding(&root);
    }
    assert_eq!(found, [packs.join("00000001.pack").display().to_string()]);
}

#[tokio::test]
async fn no_error_repeats_what_was_said() {
    let (world, provider) = World::with_provider(Script::Says(&[])).await;
    let caller = world.caller(Purpose::Serve).await;
    for script in [
        Script::Refuses {
            status: 500,
            code: "server_error",
            message: "try again",
        },
        Script::Sends(r#"{"id":"x","object":"chat.completion","created":1,"model":"m","choices":"xylophonic-quokka"}"#),
        Script::Sends("xylophonic-quokka"),
        Script::Breaks(&["hello "]),
        Script::EndsEarly(&[MARKER]),
        Script::FailsMidway(&[MARKER]),
        Script::Redirects("http://127.0.0.1:9/xylophonic-quokka".to_owned()),
    ] {
        provider.follow(script.clone());
        let error = world.gateway.complete(&caller, marked()).await.err();
        let asked = streaming(marked());
        let mut said = error.map(|error| format!("{error} {error:?} {:?}", error.help().map(|help| help.to_string())));
        match world.gateway.complete(&caller, asked).await {
            Err(error) => said = said.map(|said| format!("{said} {error} {error:?}")),
            Ok((_, cultivar_gateway::Answer::Stream(mut events))) => {
                while let Some(event) = soon(events.recv()).await {
                    if let cultivar_gateway::AnswerEvent::Failed(error) = event {
                        said = said.map(|said| format!("{said} {error} {error:?}"));
                    }
                }
            }
            Ok((_, cultivar_gateway::Answer::Whole(_))) => panic!("a stream was asked for"),
        }
        let said = said.unwrap_or_else(|| panic!("{script:?} did not fail"));
        assert!(!said.contains(MARKER), "{script:?}: {said}");
    }
    soon(world.gateway.tasks().drain()).await;
    world.verified();
    assert_eq!(holding(&world.dir().ledger()), [""; 0]);
}
