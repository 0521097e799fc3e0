//! Chat messages and the report over them.

use cultivar_privacy::{Desensitiser, Kind, PrivacyReport, Strength};
use cultivar_record::chat::{Message, Role};
use serde_json::json;

fn message() -> Message {
    let value = json!({
        "role": "assistant",
        "content": [
            {"type": "text", "text": "Mail ann@site.com or call +44 20 7123 4567"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        ],
        "name": "ann@site.com",
        "tool_calls": [{"id": "call_1", "type": "function", "function": {
            "name": "pay", "arguments": "{\"card\":\"5213591727586604\",\"n\":2}"}}],
    });
    serde_json::from_value(value).unwrap()
}

#[test]
fn every_text_of_a_message_is_read_and_nothing_else_changes() {
    let mut desensitiser = Desensitiser::new([7; 32]);
    let clean = desensitiser.conversation(&[message()]).unwrap();
    let text = serde_json::to_string(&clean).unwrap();
    for value in ["ann@site.com", "7123", "5213591727586604"] {
        assert!(!text.contains(value), "{text}");
    }
    let back = serde_json::to_value(&clean[0]).unwrap();
    let arguments = back["tool_calls"][0]["function"]["arguments"].as_str().unwrap();
    let arguments: serde_json::Value = serde_json::from_str(arguments).unwrap();
    assert!(arguments["card"].as_str().unwrap().starts_with("400000"));
    assert_eq!(back["content"][1]["image_url"]["url"], "data:image/png;base64,AAAA");
    let name = back["name"].as_str().unwrap();
    assert!(
        back["content"][0]["text"].as_str().unwrap().contains(name),
        "one person, one surrogate"
    );
}

#[test]
fn the_report_counts_and_holds_no_value() {
    let mut desensitiser = Desensitiser::new([7; 32]);
    let hello = Message::text(Role::User, "two 16 oz lattes at 7:30");
    let clean = desensitiser.conversation(&[hello.clone(), message()]).unwrap();
    assert_eq!(clean[0], hello);
    let report = desensitiser.report();
    assert_eq!((report.conversations, report.messages, report.replaced()), (1, 2, 4));
    let emails = report.counts.iter().find(|count| count.kind == Kind::Email).unwrap();
    assert_eq!(
        (emails.replaced, emails.strength, emails.detector.as_str()),
        (2, Strength::Format, "email")
    );
    assert_eq!(report.verification.second_look, 0);
    assert_eq!(report.recall, "recall was not measured on your data");

    let text = serde_json::to_string(&report).unwrap();
    assert!(!text.contains("ann") && !text.contains("5213"), "{text}");
    assert_eq!(serde_json::from_str::<PrivacyReport>(&text).unwrap(), report);
    let other = Desensitiser::new([8; 32]).report();
    assert!(other.key != report.key && other.method == report.method);
    assert!(!text.contains("0707"), "the key itself is in the report");
}
