//! HTTP inwards is spoken in `web` only.

use super::{Finding, Rule, named_outside};
use crate::tree::Tree;

pub(super) const RULE: Rule = Rule {
    name: "http-inwards",
    check,
};

/// What accepts requests. The types of HTTP itself are spoken outwards, too.
const SERVERS: [&str; 3] = ["axum", "hyper::server", "hyper_util::server"];

fn check(tree: &Tree) -> Vec<Finding> {
    named_outside(tree, &["crates/web"], &SERVERS)
        .map(|(source, line, path)| {
            let advice = format!("`{path}` outside `web`: give `cultivar-web` a flow to call");
            Finding::new(&source.path, line, advice)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tests::places;

    #[test]
    fn handlers_live_in_web() {
        let code = "fn f() -> axum::Router { axum::Router::new() }\n";
        let files = [
            ("crates/web/src/lib.rs", code),
            ("crates/gateway/src/lib.rs", code),
            ("crates/gateway/tests/it/main.rs", code),
            (
                "crates/gateway/src/ask.rs",
                "use hyper::{Request, body::Incoming};\nuse hyper::server::conn::http1;\n",
            ),
        ];
        assert_eq!(
            places(&RULE, &files),
            ["crates/gateway/src/lib.rs:1", "crates/gateway/src/ask.rs:2"]
        );
    }
}
