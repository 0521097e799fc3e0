//! The admin API: what an administrator sees of each resource, and how what does not fit is refused.

use std::fmt::Write as _;

use cultivar_record::Purpose;
use cultivar_testkit::Script;
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::site::{Reply, Site, question, send};

/// A site and a key to administer it.
struct Office {
    site: Site,
    key: String,
}

impl Office {
    async fn open() -> Self {
        let site = Site::with_provider(Script::Says(&["yes"])).await;
        let issued = site
            .gateway
            .issue_key(&site.organization, "office", Purpose::Administer);
        let (_, key) = issued.await.unwrap();
        Self { site, key }
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Reply {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        self.ask_raw(method, path, body.as_bytes())
    }

    fn ask_raw(&self, method: &str, path: &str, body: &[u8]) -> Reply {
        let authorization = format!("Bearer {}", self.key);
        let headers = [
            ("authorization", authorization.as_str()),
            ("content-type", "application/json"),
        ];
        send(self.site.address, method, path, &headers, body)
    }

    /// Asks one after the other, and tells each question with its answer.
    fn tell(&self, asked: &[(&str, &str, Value)]) -> String {
        let mut told = String::new();
        for (method, path, body) in asked {
            let shown = if body.is_null() {
                String::new()
            } else {
                format!(" {body}")
            };
            let reply = self.ask(method, path, body);
            let _ = writeln!(told, "# {method} {path}{shown}\n{} {}\n", reply.status, pretty(&reply));
        }
        cultivar_testkit::redact(&told)
    }
}

fn pretty(reply: &Reply) -> String {
    match serde_json::from_str::<Value>(&reply.body) {
        Ok(value) => serde_json::to_string_pretty(&value).unwrap(),
        Err(_) => reply.body.clone(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn organizations() {
    let office = Office::open().await;
    let at = "/api/organizations";
    let limit = json!({ "budget": { "amount": 5_000_000, "period": "month", "alert_at_percent": [80] }, "requests_per_minute": 60 });
    let case =
        json!({ "case_id": "C-1", "reason": "terms of use, section 4", "appeal_url": "https://example.com/appeal" });
    assert_snapshot!(office.tell(&[
        (
            "POST",
            at,
            json!({ "name": "shop", "market": "EU", "limit": limit, "alert_url": "https://example.com/alerts" })
        ),
        ("POST", at, json!({ "name": "shop", "market": "US" })),
        ("GET", at, Value::Null),
        ("GET", "/api/organizations/shop", Value::Null),
        (
            "PATCH",
            "/api/organizations/shop",
            json!({ "retention": "hashes-only", "residency": ["EU"], "limit": {}, "no_alert_url": true })
        ),
        (
            "PUT",
            "/api/organizations/shop/standing",
            json!({ "standing": "suspended", "enforcement": case })
        ),
        (
            "PUT",
            "/api/organizations/shop/standing",
            json!({ "standing": "suspended", "enforcement": { "reason": "x" } })
        ),
        (
            "PUT",
            "/api/organizations/shop/standing",
            json!({ "standing": "angry" })
        ),
        ("GET", "/api/organizations/nobody", Value::Null),
    ]));
}

#[tokio::test(flavor = "multi_thread")]
async fn projects_and_members() {
    let office = Office::open().await;
    assert_snapshot!(office.tell(&[
        (
            "POST",
            "/api/organizations/lab/projects",
            json!({ "name": "site", "market": "DE" })
        ),
        ("POST", "/api/organizations/lab/projects", json!({ "name": "site" })),
        (
            "POST",
            "/api/organizations/lab/projects",
            json!({ "name": "app", "claim_key": "no key" })
        ),
        (
            "PATCH",
            "/api/organizations/lab/projects/site",
            json!({ "limit": { "tokens_per_minute": 1000 } })
        ),
        ("PATCH", "/api/organizations/lab/projects/nothing", json!({})),
        ("DELETE", "/api/organizations/lab/projects/site", Value::Null),
        ("GET", "/api/organizations/lab/projects", Value::Null),
        (
            "PUT",
            "/api/organizations/lab/members/Ann%20Example",
            json!({ "roles": ["owner", "approver", "owner"] })
        ),
        ("PUT", "/api/organizations/lab/members/Bob", json!({ "roles": [] })),
        ("DELETE", "/api/organizations/lab/members/Ann%20Example", Value::Null),
        ("DELETE", "/api/organizations/lab/members/Bob", Value::Null),
        ("GET", "/api/organizations/lab/members", Value::Null),
    ]));
}

#[tokio::test(flavor = "multi_thread")]
async fn keys() {
    let office = Office::open().await;
    let wanted = json!({
        "name": "app", "market": "FR", "models": ["lecturer"], "allowed_ips": ["10.1.0.0/16", "2001:db8::1"],
        "expires_at": "2126-12-24T00:00:00Z", "limit": { "requests_per_minute": 60 },
    });
    let issued = office.ask("POST", "/api/keys", &wanted);
    assert_eq!(issued.status, 201, "{}", issued.body);
    let issued = issued.json();
    let (text, id) = (
        issued["key"].as_str().unwrap(),
        issued["api_key"]["id"].as_str().unwrap(),
    );
    assert!(text.starts_with(issued["api_key"]["prefix"].as_str().unwrap()));
    assert!(
        !office.ask("GET", "/api/keys", &Value::Null).body.contains(text),
        "a key's text is said once"
    );
    office.ask("POST", "/api/organizations", &json!({ "name": "shop", "market": "EU" }));
    let told = office.tell(&[
        ("DELETE", &format!("/api/keys/{id}"), Value::Null),
        ("DELETE", "/api/keys/0197a3c2-6f10-7c3e-9d2a-5b1e7f60c811", Value::Null),
        ("DELETE", "/api/keys/nonsense", Value::Null),
        ("GET", "/api/keys?organization=lab", Value::Null),
        ("GET", "/api/keys?organization=shop", Value::Null),
        (
            "POST",
            "/api/keys",
            json!({ "name": "a", "purpose": "administer", "organization": "shop" }),
        ),
        ("POST", "/api/keys", json!({ "name": "a", "project": "nothing" })),
        (
            "POST",
            "/api/keys",
            json!({ "name": "a", "allowed_ips": ["10.1.0.0/33"] }),
        ),
    ]);
    let prefixes = told.lines().map(|line| match line.split_once("\"prefix\": ") {
        Some((indent, _)) => format!("{indent}\"prefix\": \"[prefix]\",\n"),
        None => format!("{line}\n"),
    });
    assert_snapshot!(prefixes.collect::<String>());
}

#[tokio::test(flavor = "multi_thread")]
async fn providers_agreements_and_approvals() {
    let office = Office::open().await;
    let azure = json!({
        "name": "gpt-azure", "kind": "azure-openai", "model": "assistant", "provider_model": "gpt-4o",
        "base_url": "https://shop.openai.azure.com/openai/v1", "key_variable": "AZURE_KEY",
        "terms": "azure-openai-product-terms", "markets": ["US", "EU"], "residency": ["EU"], "weight": 3,
        "price": { "prompt_per_million": 2_500_000, "completion_per_million": 10_000_000 }, "bills_cancelled": true,
    });
    let mut unknown = azure.clone();
    unknown["terms"] = json!("nobody-wrote-these");
    assert_snapshot!(office.tell(&[
        ("POST", "/api/providers", azure.clone()),
        ("POST", "/api/providers", azure),
        ("POST", "/api/providers", unknown),
        ("POST", "/api/providers", json!({ "name": "x", "kind": "openai", "provider_model": "x", "terms": "cc-by-4_0" })),
        ("GET", "/api/providers/gpt-azure", Value::Null),
        ("POST", "/api/agreements", json!({ "terms": "azure-openai-product-terms", "accepted_by": "Ann Example", "markets": ["EU"], "purposes": ["serve"] })),
        ("POST", "/api/agreements", json!({ "terms": "azure-openai-product-terms", "accepted_by": "Ann Example", "markets": ["EU"], "purposes": ["serve"] })),
        ("GET", "/api/agreements", Value::Null),
        ("POST", "/api/approvals/statements", json!({ "model": "assistant", "market": "CN", "requested_by": "Ann" })),
        ("POST", "/api/approvals/statements", json!({ "model": "nothing", "market": "CN", "requested_by": "Ann" })),
        ("POST", "/api/approvals", json!({ "statement": {}, "signature": { "key": "AA==", "signature": "AA==" } })),
        ("GET", "/api/approvals", Value::Null),
        ("DELETE", "/api/providers/gpt-azure", Value::Null),
        ("GET", "/api/providers/gpt-azure", Value::Null),
    ]));
}

#[tokio::test(flavor = "multi_thread")]
async fn routes_are_explained() {
    let office = Office::open().await;
    assert_snapshot!(office.tell(&[
        ("GET", "/api/routes?model=lecturer", Value::Null),
        ("GET", "/api/routes?model=lecturer&market=KP", Value::Null),
        ("GET", "/api/routes?model=nothing", Value::Null),
        ("GET", "/api/routes", Value::Null),
        ("GET", "/api/routes?model=lecturer&colour=red", Value::Null),
    ]));
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_and_exchanges() {
    let office = Office::open().await;
    for _ in 0..2 {
        assert_eq!(office.site.complete(&question()).status, 200);
    }
    let list = office.ask("GET", "/api/exchanges?limit=1", &Value::Null).json();
    let first = list["data"][0]["id"].as_str().unwrap();
    assert_eq!(list["next"], list["data"][0]["id"]);
    let rest = office
        .ask("GET", &format!("/api/exchanges?after={first}"), &Value::Null)
        .json();
    assert_eq!(
        (rest["data"].as_array().unwrap().len(), rest["next"].is_null()),
        (1, true)
    );
    let shown = office.ask("GET", &format!("/api/exchanges/{first}"), &Value::Null);
    assert!(
        !shown.body.contains("sky"),
        "an exchange is shown without its text: {}",
        shown.body
    );
    assert_snapshot!(office.tell(&[
        ("GET", &format!("/api/exchanges/{first}"), Value::Null),
        ("GET", "/api/exchanges?limit=0", Value::Null),
        ("GET", "/api/exchanges/nonsense", Value::Null),
        ("GET", "/api/usage", Value::Null),
        ("GET", "/api/usage?by=organization,provider,month", Value::Null),
        (
            "GET",
            "/api/usage?by=organization,model,market,purpose&format=csv",
            Value::Null
        ),
        ("GET", "/api/usage?until=1970-01-01T00:00:00Z", Value::Null),
        ("GET", "/api/usage?by=hour,day", Value::Null),
        ("GET", "/api/usage?by=colour", Value::Null),
        ("GET", "/api/incidents", Value::Null),
        (
            "POST",
            "/api/incidents/0197a3c2-6f10-7c3e-9d2a-5b1e7f60c811/close",
            json!({ "closed_by": "Ann" })
        ),
    ]));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_key_to_administer_administers_and_it_asks_no_model() {
    let office = Office::open().await;
    let site = &office.site;
    for path in [
        "/api/organizations",
        "/api/keys",
        "/api/usage",
        "/api/exchanges",
        "/api/routes?model=lecturer",
    ] {
        assert_eq!(site.get(path).status, 401, "{path}");
        let reply = site.get_with_key(path);
        assert_eq!(
            (reply.status, &reply.json()["error"]["code"]),
            (403, &json!("permission_denied")),
            "{path}"
        );
    }
    let reply = site.complete_with(&office.key, question().to_string().as_bytes());
    assert_eq!(reply.status, 403, "{}", reply.body);
    assert_eq!(site.provider.calls(), []);
    // Whoever runs the door can always undo what was done.
    let at = "/api/organizations/lab/standing";
    assert_eq!(office.ask("PUT", at, &json!({ "standing": "suspended" })).status, 200);
    assert_eq!(site.complete(&question()).status, 401);
    assert_eq!(office.ask("PUT", at, &json!({ "standing": "active" })).status, 200);
    assert_eq!(site.complete(&question()).status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_is_refused_and_named() {
    let office = Office::open().await;
    let at = "/api/organizations";
    let long = "n".repeat(101);
    for (body, status, param) in [
        (
            json!({ "name": "a", "market": "US", "colour": "red" }),
            400,
            json!("colour"),
        ),
        (json!({ "market": "US" }), 400, json!("name")),
        (json!({ "name": 7, "market": "US" }), 400, json!("name")),
        (json!({ "name": "", "market": "US" }), 400, json!("name")),
        (json!({ "name": long, "market": "US" }), 400, json!("name")),
        (json!({ "name": "a\u{0}", "market": "US" }), 400, json!("name")),
        (json!({ "name": "a", "market": "us" }), 400, json!("market")),
        (json!({ "name": "a", "market": "US", "limit": [] }), 400, json!("limit")),
        (
            json!({ "name": "a", "market": "US", "limit": { "budget": { "amount": -1, "period": "day" } } }),
            400,
            json!("limit"),
        ),
        (
            json!({ "name": "a", "market": "US", "alert_url": "ftp://example.com" }),
            400,
            json!("alert_url"),
        ),
        (json!([]), 400, Value::Null),
        (json!("a"), 400, Value::Null),
    ] {
        let reply = office.ask("POST", at, &body);
        assert_eq!(
            (reply.status, &reply.json()["error"]["param"]),
            (status, &param),
            "{body}: {}",
            reply.body
        );
    }
    for body in [&b""[..], b"{", b"\xff", b"{} {}"] {
        assert_eq!(office.ask_raw("POST", at, body).status, 400, "{body:?}");
    }
    let bearer = format!("Bearer {}", office.key);
    for kind in ["text/plain", "application/x-www-form-urlencoded", ""] {
        let headers = [("authorization", bearer.as_str()), ("content-type", kind)];
        assert_eq!(
            send(office.site.address, "POST", at, &headers, b"{}").status,
            415,
            "{kind}"
        );
    }
    for (method, path) in [
        ("DELETE", at),
        ("POST", "/api/usage"),
        ("PATCH", "/api/keys"),
        ("GET", "/api/organizations/lab/standing"),
    ] {
        let reply = office.ask(method, path, &Value::Null);
        assert_eq!(reply.status, 405, "{method} {path}");
        assert!(reply.header("allow").is_some(), "{method} {path}");
    }
    assert_eq!(office.ask("GET", "/api/organizations/%FF", &Value::Null).status, 400);
    assert_eq!(office.ask("GET", "/api/nothing", &Value::Null).status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_names_every_operation_with_its_refusals() {
    let office = Office::open().await;
    let document = office.site.get("/api/openapi.json").json();
    assert_eq!(document["openapi"].as_str().unwrap().split('.').next(), Some("3"));
    assert_eq!(document["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
    let mut operations = String::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let responses = operation["responses"].as_object().unwrap();
            let statuses: Vec<&str> = responses.keys().map(String::as_str).collect();
            assert!(
                ["400", "401", "403"].iter().all(|status| statuses.contains(status)),
                "{method} {path}"
            );
            assert_eq!(
                operation.get("requestBody").is_some(),
                statuses.contains(&"415"),
                "{method} {path}"
            );
            let _ = writeln!(operations, "{} {path}: {}", method.to_uppercase(), statuses.join(" "));
        }
    }
    assert_snapshot!(operations);
}
