//! The ledger's files and the assets: what is theirs, and nothing beside them.

use cultivar_testkit::Script;

use crate::site::Site;

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_is_served_byte_for_byte() {
    let site = Site::with_provider(Script::Says(&[])).await;
    site.gateway.publish().unwrap();
    let (text, bytes) = ("text/plain; charset=utf-8", "application/octet-stream");
    for (path, kind) in [
        ("checkpoint", text),
        ("log.vkey", text),
        ("tile/0/000.p/4", bytes),
        ("tile/entries/000.p/4", bytes),
    ] {
        let reply = site.get(&format!("/ledger/{path}"));
        assert_eq!(
            (reply.status, reply.header("content-type")),
            (200, Some(kind)),
            "{path}"
        );
        assert_eq!(
            reply.bytes,
            std::fs::read(site.dir.ledger().join(path)).unwrap(),
            "{path}"
        );
    }
    for missing in ["tile/0/001", "tile", "", "nothing"] {
        assert_eq!(site.get(&format!("/ledger/{missing}")).status, 404, "{missing}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_beside_the_ledger_and_the_assets_is_served() {
    let site = Site::with_provider(Script::Says(&[])).await;
    site.dir
        .write(&site.dir.secrets().join("ledger.key"), b"a secret")
        .unwrap();
    site.dir
        .write(&site.dir.ledger().join("..hidden"), b"a secret")
        .unwrap();
    for way in [
        "../secrets/ledger.key",
        "..%2Fsecrets%2Fledger.key",
        "%2e%2e/secrets/ledger.key",
        "tile/../../secrets/ledger.key",
        "tile/%2e%2e/%2e%2e/secrets/ledger.key",
        "tile/..%2f..%2fsecrets%2fledger.key",
        "..%5csecrets%5cledger.key",
        "%2Fetc%2Fpasswd",
        "/etc/passwd",
        "..hidden",
        "checkpoint%00",
        ".",
        "..",
        "%ff",
    ] {
        for root in ["/ledger/", "/assets/"] {
            let reply = site.get(&format!("{root}{way}"));
            assert!(matches!(reply.status, 400 | 404), "{root}{way}: {}", reply.status);
            assert!(
                !reply.body.contains("a secret") && !reply.body.contains("root:"),
                "{root}{way}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_assets_come_from_the_program() {
    let site = Site::with_provider(Script::Says(&[])).await;
    for (name, kind) in [
        ("cultivar.css", "text/css; charset=utf-8"),
        ("chat.js", "text/javascript; charset=utf-8"),
    ] {
        let reply = site.get(&format!("/assets/{name}"));
        assert_eq!((reply.status, reply.header("content-type")), (200, Some(kind)));
        assert!(!reply.body.is_empty());
    }
    assert_eq!(site.get("/assets/other.js").status, 404);
}
