//! The pages, as a browser without scripts uses them, and as no other site may.

use std::fmt::Write as _;

use cultivar_store::tables;
use cultivar_testkit::Script;
use insta::assert_snapshot;

use crate::site::{Reply, Site, send};

const FORM: [(&str, &str); 1] = [("content-type", "application/x-www-form-urlencoded")];

fn form(fields: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (name, value) in fields {
        let _ = write!(text, "{}{name}=", if text.is_empty() { "" } else { "&" });
        for byte in value.bytes() {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

pub(crate) fn say(site: &Site, so_far: &str, text: &str) -> Reply {
    send(
        site.address,
        "POST",
        "/chat",
        &FORM,
        form(&[("so_far", so_far), ("text", text)]).as_bytes(),
    )
}

/// The conversation that the page would send back: the value of its hidden field, as a browser reads it.
fn so_far(page: &Reply) -> String {
    let (_, rest) = page.body.split_once(r#"name="so_far" value=""#).unwrap();
    let (value, _) = rest.split_once('"').unwrap();
    value
        .replace("&quot;", "\"")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_home_page_is_the_chat() {
    let site = Site::with_provider(Script::Says(&[])).await;
    let home = site.get("/");
    assert_eq!((home.status, home.header("location")), (303, Some("/chat")));
    assert_snapshot!(site.get("/chat").photograph());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_works_without_scripts() {
    let site = Site::with_provider(Script::Says(&["hello"])).await;
    let first = say(&site, "", "  hi ");
    assert_eq!(first.status, 200);
    let second = say(&site, &so_far(&first), "and again");
    let fields = site.provider.calls()[1].body.as_object().unwrap().clone();
    assert!(!fields.contains_key("truncation"), "a field of our own models alone");
    let messages = site.provider.calls()[1].body["messages"].clone();
    assert_eq!(
        messages,
        serde_json::json!([
            { "role": "user", "content": "hi" },
            { "role": "assistant", "content": "hello" },
            { "role": "user", "content": "and again" },
        ])
    );
    let turns = second.body.matches(r#"<article class="turn "#).count();
    assert_eq!(turns, 4, "{}", second.body);
    assert_eq!(
        site.gateway.store().read(tables::exchange::tally).unwrap()[0].exchanges,
        2
    );

    // A click on an example sends the empty box along with it.
    let clicked = send(site.address, "POST", "/chat", &FORM, b"example=why+is+it&so_far=&text=");
    assert_eq!(clicked.status, 200);
    assert_eq!(site.provider.calls()[2].body["messages"][0]["content"], "why is it");

    // Nothing said is nothing asked.
    assert_eq!(
        say(&site, &so_far(&second), "   ")
            .body
            .matches(r#"<article class="turn "#)
            .count(),
        4
    );
    assert_eq!(site.provider.calls().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_and_models_say_is_text_and_never_markup() {
    let site = Site::with_provider(Script::Says(&["<img src=x onerror=alert(1)> & \"quotes\""])).await;
    let page = say(&site, "", "<script>alert('hi')</script>\"><b>");
    for markup in ["<script>alert", "<img", "\"><b>"] {
        assert!(!page.body.contains(markup), "{markup} in {}", page.body);
    }
    assert!(
        page.body.contains("&lt;script&gt;alert('hi')&lt;/script&gt;"),
        "{}",
        page.body
    );
    assert!(so_far(&page).contains("<script>alert('hi')</script>"));

    let error = say(&site, "not JSON", "hi");
    assert_eq!(error.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_told_on_the_page_and_the_question_is_no_part_of_what_was_said() {
    let refuses = Script::Refuses {
        status: 500,
        code: "server_error",
        message: "<b>try</b> again",
    };
    let site = Site::with_provider(refuses).await;
    let page = say(&site, "", "hi");
    assert_eq!(page.status, 200);
    assert!(
        page.body
            .contains(r#"<p class="failure" role="alert">the provider `scripted` answered 500: &lt;b&gt;try"#),
        "{}",
        page.body
    );
    assert_eq!(so_far(&page), "[]");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_scripts_the_answer_streams() {
    let site = Site::with_provider(Script::Says(&["one ", "two"])).await;
    let ask = |body: &str| {
        let headers = [("content-type", "application/json")];
        send(site.address, "POST", "/chat/stream", &headers, body.as_bytes())
    };
    let body = r#"{"messages":[{"role":"user","content":"hi"}]}"#;
    assert_snapshot!(ask(body).photograph());
    site.provider.follow(Script::Breaks(&["one "]));
    let broken = ask(body);
    assert!(
        broken
            .body
            .starts_with("event: text\ndata: \"one \"\n\nevent: failed\ndata: {"),
        "{}",
        broken.body
    );
    assert_eq!(ask("{}").status, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_allows_nothing_from_elsewhere() {
    let site = Site::with_provider(Script::Says(&[])).await;
    for path in ["/chat", "/report"] {
        let page = site.get(path);
        assert_eq!(page.status, 200);
        let policy = page.header("content-security-policy").unwrap();
        assert!(
            policy.starts_with("default-src 'none';") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe"), "{policy}");
        for inline in ["<script>", "<style>", " style=", " onclick=", "http://", "https://"] {
            assert!(!page.body.contains(inline), "{inline} on {path}");
        }
    }
    assert_eq!(site.get("/report.json").json()["error"]["code"], "no_report");
    assert_eq!(
        site.get("/models/lecturer/pedigree.json").json()["error"]["code"],
        "model_not_found"
    );
    assert_eq!(site.get("/models/..%2F..%2Fsecrets/pedigree.json").status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_are_served_to_this_machine_only() {
    let site = Site::with_provider(Script::Says(&["yes"])).await;
    let here = site.address.to_string();
    let local = format!("localhost:{}", site.address.port());
    let cases = [
        (here.as_str(), None, 200),
        (local.as_str(), None, 200),
        (local.as_str(), Some(format!("http://{local}")), 200),
        ("evil.example", None, 403),
        ("127.0.0.1.evil.example", None, 403),
        ("localhost.evil.example:80", None, 403),
        ("", None, 403),
        (here.as_str(), Some("http://evil.example".to_owned()), 403),
        (here.as_str(), Some("null".to_owned()), 403),
        (here.as_str(), Some(format!("http://{local}")), 403),
        (here.as_str(), Some(format!("https://{here}")), 403),
    ];
    for (host, origin, expected) in &cases {
        let mut headers = vec![("host", *host)];
        headers.extend(origin.as_deref().map(|origin| ("origin", origin)));
        let shown = send(site.address, "GET", "/chat", &headers, b"");
        assert_eq!(shown.status, *expected, "{host} {origin:?}");
        assert!(shown.header("x-request-id").is_some());
        headers.push(("content-type", "application/x-www-form-urlencoded"));
        let before = site.provider.calls().len();
        let asked = send(site.address, "POST", "/chat", &headers, b"so_far=&text=hi");
        assert_eq!(asked.status, *expected, "{host} {origin:?}");
        assert_eq!(
            site.provider.calls().len() - before,
            usize::from(*expected == 200),
            "{host} {origin:?}"
        );
    }
}
