//! Terms that forbid training are obeyed before anything is sent: exit code 4, with the clause and what to do instead.

use insta::assert_snapshot;

use crate::{
    http::ScriptedProvider,
    program::{Ran, Workplace},
    provider::prompts,
    usage::recipe,
};

#[test]
fn a_provider_that_forbids_training_is_not_asked() {
    let provider = ScriptedProvider::start();
    let workplace = Workplace::new();
    workplace.write("recipe.toml", &recipe(&provider.base_url, "openai-services-2026-01-01"));
    workplace.write("prompts.jsonl", &prompts(3));
    let ran = Ran::of(workplace.command(&["build", "recipe.toml"]).env("ACME_KEY", "sk-test"));
    assert_snapshot!(ran.failure(), @"
    error[pipeline::nothing_permitted]: no source may be trained on: Train is forbidden under `openai-services-2026-01-01`, clause 3.3(e); definitions 'Permitted Exception', 'Reverse Engineer'; 16.11; 16.12
    help: Have two people sign a grant of the provider that waives `train_competing`; or use a provider whose terms allow it (rows with `train_competing = yes`); or stay inside the provider's own fine-tuning service.
    exit 4
    ");
    assert_eq!(provider.asked(), 0);
    let report = workplace.run(&["ledger", "verify", "--format", "json"]).done().json();
    assert!(report["kinds"]["decision"].as_u64().unwrap() >= 1, "{report}");
    assert!(report["kinds"].get("call_intent").is_none(), "{report}");
}
