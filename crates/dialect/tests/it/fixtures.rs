//! The recorded streams are what their list says they are, so that a test that reads them tests the quirk.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::Value;

const README: &str = include_str!("../fixtures/streams/README.md");

/// Name and bytes of every recorded stream.
fn streams() -> BTreeMap<String, Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/streams");
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .filter(|path| path.extension().is_some_and(|extension| extension == "sse"))
        .map(|path| {
            (
                path.file_name().unwrap().to_str().unwrap().to_owned(),
                fs::read(&path).unwrap(),
            )
        })
        .collect()
}

/// The data of the events, read in the plainest way: whole, by a reader that shares nothing with the gateway's.
fn data(stream: &[u8]) -> Vec<String> {
    let text = String::from_utf8(stream.to_vec()).unwrap();
    let text = text
        .trim_start_matches('\u{feff}')
        .replace("\r\n", "\n")
        .replace('\r', "\n");
    let events = text.split("\n\n").map(|event| {
        let lines = event.lines().filter_map(|line| line.strip_prefix("data:"));
        lines
            .map(|line| line.strip_prefix(' ').unwrap_or(line))
            .collect::<Vec<_>>()
            .join("\n")
    });
    events.filter(|data| !data.is_empty()).collect()
}

#[test]
fn the_list_names_every_stream_and_no_other() {
    let listed: Vec<&str> = README
        .lines()
        .filter_map(|line| line.strip_prefix("- `")?.split('`').next())
        .collect();
    let mut sorted = listed.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, streams().into_keys().collect::<Vec<_>>());
}

#[test]
fn every_event_is_a_chunk_an_error_or_the_end() {
    for (name, stream) in streams() {
        let mut has_ended = false;
        for data in data(&stream) {
            assert!(!has_ended, "{name} goes on after its end");
            has_ended = data == "[DONE]";
            if !has_ended {
                let chunk: Value = serde_json::from_str(&data).unwrap_or_else(|e| panic!("{name}: {e}: {data}"));
                assert!(
                    chunk["choices"].is_array() || chunk["error"].is_object(),
                    "{name}: {data}"
                );
            }
        }
    }
}

#[test]
fn streams_have_the_quirks_that_they_are_named_for() {
    let streams = streams();
    let text = |name: &str| String::from_utf8(streams[name].clone()).unwrap();
    let last = |name: &str| data(&streams[name]).pop().unwrap();
    assert!(!text("crlf.sse").replace("\r\n", "").contains('\n'));
    assert!(!text("carriage_returns.sse").contains('\n'));
    assert!(text("comments.sse").starts_with(": OPENROUTER PROCESSING\n\n"));
    assert!(!text("no_space.sse").contains("data: "));
    assert!(!text("no_blank_line_at_the_end.sse").ends_with('\n'));
    assert!(text("byte_order_mark.sse").starts_with('\u{feff}'));
    for whole in ["no_done.sse", "usage_without_blank_line_at_the_end.sse"] {
        assert!(last(whole).contains(r#""total_tokens":12"#), "{whole}");
    }
    assert!(last("cut_off.sse").contains(r#""finish_reason":null"#));
    assert!(!text("no_usage.sse").contains("usage"));
    let widths: Vec<usize> = text("multi_byte.sse").chars().map(char::len_utf8).collect();
    assert!((1..=4).all(|width| widths.contains(&width)));
}
