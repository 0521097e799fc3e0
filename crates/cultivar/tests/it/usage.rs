//! What a person got wrong is said with its code, its place, and on a line of its own what to do.

use insta::assert_snapshot;

use crate::program::Workplace;

/// A recipe for a provider at this base URL under these terms.
pub(crate) fn recipe(base_url: &str, terms: &str) -> String {
    format!(
        r#"name = "clerk"

[teacher]
provider = "acme"
kind = "openai"
model = "acme-large"
base_url = "{base_url}"
key_variable = "ACME_KEY"
terms = "{terms}"
terms_accepted_by = "Ann"

[collect]
prompts = "prompts.jsonl"
concurrency = 4

[curate]
near_duplicate = 1.0
validation_share = 0.2
test_share = 0.3

[train]
seconds = 1.0
size = "tiny"
vocabulary = 300

[compare]
conversations = 6
resamples = 200
"#
    )
}

#[test]
fn an_unknown_key_in_the_configuration_is_named() {
    let workplace = Workplace::new();
    workplace.write("cultivar.toml", "listen = \"127.0.0.1:0\"\ndata_dirr = \"elsewhere\"\n");
    assert_snapshot!(workplace.run(&["ledger", "verify"]).failure(), @r#"
    error[config::unreadable]: the configuration `cultivar.toml` cannot be read: TOML parse error at line 2, column 1
      |
    2 | data_dirr = "elsewhere"
      | ^^^^^^^^^
    unknown field `data_dirr`, expected one of `data_dir`, `listen`, `terms`, `markets`, `evidence`, `policy`, `ledger`, `durability`, `trust_clock`, `telemetry`
    help: known keys: `data_dir`, `listen`, `terms`, `markets`, `evidence`, `durability`, `trust_clock`, `[policy]`, `[ledger]`, `[telemetry]`; or leave the file out
    exit 2
    "#);
}

#[test]
fn a_configuration_that_was_named_must_be_there() {
    let ran = Workplace::new().run(&["--config", "missing.toml", "doctor"]);
    assert_snapshot!(ran.failure(), @"
    error[config::unreadable]: the configuration `missing.toml` cannot be read: there is no such file
    help: known keys: `data_dir`, `listen`, `terms`, `markets`, `evidence`, `durability`, `trust_clock`, `[policy]`, `[ledger]`, `[telemetry]`; or leave the file out
    exit 2
    ");
}

#[test]
fn an_unknown_key_in_a_recipe_is_named() {
    let workplace = Workplace::new();
    let text = recipe("http://127.0.0.1:9/v1", "cc-by-4_0").replace("seconds = 1.0", "secs = 1.0");
    workplace.write("recipe.toml", &text);
    assert_snapshot!(workplace.run(&["build", "recipe.toml"]).failure(), @"
    error[pipeline::recipe]: the recipe `recipe.toml` cannot be read: TOML parse error at line 22, column 1
       |
    22 | secs = 1.0
       | ^^^^
    unknown field `secs`, expected one of `seconds`, `competes`, `commercial`, `checkpoint_seconds`, `seed`, `size`, `vocabulary`, `settings`
    help: see the recipe in README.md; every key is documented there
    exit 2
    ");
}

#[test]
fn a_row_of_prompts_that_cannot_be_read_is_named_but_not_quoted() {
    let workplace = Workplace::new();
    workplace.write("recipe.toml", &recipe("http://127.0.0.1:9/v1", "cc-by-4_0"));
    let rows = [
        r#"{"id":"1","messages":[{"role":"user","content":"hello"}]}"#,
        "",
        r#"{"id":"2","messages":"my account is 4711"}"#,
    ];
    workplace.write("prompts.jsonl", &rows.join("\n"));
    let ran = workplace.run(&["build", "recipe.toml"]);
    assert_snapshot!(ran.failure(), @r#"
    error[pipeline::unreadable_row]: line 3 of `prompts.jsonl` cannot be read: a value is wrong, expected a sequence at line 1 column 41
    help: each line is one JSON object: {"id": "…", "messages": [{"role": "user", "content": "…"}]}
    exit 3
    "#);
    assert!(!ran.stderr.contains("4711"));
}

#[test]
fn a_key_variable_that_is_not_set_is_named_before_anything_is_sent() {
    let workplace = Workplace::new();
    workplace.write("recipe.toml", &recipe("http://127.0.0.1:9/v1", "cc-by-4_0"));
    workplace.write(
        "prompts.jsonl",
        r#"{"id":"1","messages":[{"role":"user","content":"hello"}]}"#,
    );
    let ran = Workplace::run(&workplace, &["build", "recipe.toml"]);
    assert_snapshot!(ran.failure(), @"
    error[provider_key_missing]: the environment variable `ACME_KEY` with the key of `acme` is not set
    help: export `ACME_KEY` and start again; the key itself is never stored
    exit 3
    ");
}

#[test]
fn a_command_that_needs_a_data_directory_says_how_to_make_one() {
    let workplace = Workplace::new();
    let first = workplace.run(&["model", "list"]).failure();
    assert_snapshot!(first, @"
    error[store::no_data]: there is no data directory at `data`
    help: run `cultivar init` or `cultivar demo` first, or name the right one with `--data-dir`
    exit 3
    ");
    for command in [
        &["serve"][..],
        &["chat", "--message", "hi"],
        &["doctor"],
        &["ledger", "verify"],
        &["ledger", "fsck"],
        &["dataset", "list"],
        &["key", "create", "mine"],
        &["provider", "list"],
    ] {
        assert_eq!(workplace.run(command).failure(), first, "{command:?}");
    }
    assert!(!workplace.data("").exists());
}

#[test]
fn a_name_that_nothing_has_is_said() {
    let workplace = Workplace::with_finished_demo();
    assert_snapshot!(workplace.run(&["chat", "--model", "nope", "--message", "hi"]).failure(), @"
    error[model_not_found]: the model `nope` does not exist
    help: list the models with `GET /v1/models` or `cultivar provider list`
    exit 3
    ");
    assert_snapshot!(workplace.run(&["dataset", "verify", "nope"]).failure(), @"
    error[cli::not_found]: there is no dataset `nope`
    help: list what there is with the noun's `list`, for instance `cultivar model list`
    exit 3
    ");
    assert_snapshot!(workplace.run(&["model", "show", "barista@9"]).failure(), @"
    error[cli::not_found]: there is no model `barista@9`
    help: list what there is with the noun's `list`, for instance `cultivar model list`
    exit 3
    ");
}

#[test]
fn an_unknown_command_is_a_matter_of_usage() {
    let ran = Workplace::new().run(&["frobnicate"]);
    assert_eq!(ran.code, Some(2));
}
