//! A build from a recipe with a provider that speaks OpenAI's API, over a real socket.

use std::{fs, process::Command};

use crate::{
    http::ScriptedProvider,
    program::{Ran, Workplace, files_below},
    usage::recipe,
};

const KEY: &str = "sk-a-secret-that-is-never-stored";

/// So many conversations of one question each.
pub(crate) fn prompts(count: usize) -> String {
    let drinks = [
        "espresso",
        "cappuccino",
        "green tea",
        "flat white",
        "hot chocolate",
        "lemonade",
        "cold brew",
    ];
    let extras = ["oat milk", "cinnamon", "an extra shot", "no sugar", "whipped cream"];
    let row = |at: usize| {
        let (drink, extra) = (drinks[at % drinks.len()], extras[at % extras.len()]);
        format!(
            "{{\"id\":\"p{at}\",\"messages\":[{{\"role\":\"user\",\"content\":\"Number {at}: {drink} with {extra}, please.\"}}]}}\n"
        )
    };
    (0..count).map(row).collect()
}

fn build(workplace: &Workplace) -> Ran {
    let mut command: Command = workplace.command(&["build", "recipe.toml", "--format", "json"]);
    Ran::of(command.env("ACME_KEY", KEY)).done()
}

#[test]
fn a_recipe_becomes_a_model_and_the_key_stays_in_its_variable() {
    let provider = ScriptedProvider::start();
    let workplace = Workplace::new();
    workplace.write("recipe.toml", &recipe(&provider.base_url, "cc-by-4_0"));
    workplace.write("prompts.jsonl", &prompts(60));

    let first = build(&workplace);
    assert_eq!(first.json()["model"], "clerk@1");
    assert_eq!(provider.asked(), 60);
    let sent = format!("Bearer {KEY}");
    assert!(
        provider
            .credentials
            .lock()
            .unwrap()
            .iter()
            .all(|credential| *credential == sent)
    );
    for command in [&["doctor"][..], &["ledger", "fsck"], &["model", "verify", "clerk@1"]] {
        workplace.run(command).done();
    }
    for path in files_below(&workplace.data("")) {
        let bytes = fs::read(&path).unwrap();
        assert!(
            !bytes.windows(KEY.len()).any(|window| window == KEY.as_bytes()),
            "{}",
            path.display()
        );
    }
    assert!(!first.stdout.contains(KEY) && !first.stderr.contains(KEY));

    let second = build(&workplace);
    assert_eq!(second.json()["comparison"], first.json()["comparison"]);
    assert_eq!(provider.asked(), 60, "what was recorded is not asked again");
}
