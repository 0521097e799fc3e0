//! `recipes/markets.md` does what it says: its commands are run as they stand there.

use std::{fs, path::Path, process::Command};

use cultivar_testkit::redact;
use insta::assert_snapshot;

use crate::program::{Ran, Workplace};

#[test]
fn the_recipe_for_markets_runs_as_it_is_written() {
    let recipe = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recipes/markets.md");
    let recipe = fs::read_to_string(recipe).unwrap();
    let script: String = recipe
        .split("```sh\n")
        .skip(1)
        .map(|part| part.split("```").next().unwrap())
        .collect();
    let workplace = Workplace::with_finished_demo();
    workplace.write("cultivar.toml", "data_dir = \"data\"\n");
    let binary = Path::new(env!("CARGO_BIN_EXE_cultivar")).parent().unwrap();
    let mut shell = Command::new("sh");
    shell
        .args(["-e", "-c", &script])
        .env("PATH", format!("{}:/usr/bin:/bin", binary.display()))
        .current_dir(workplace.path(""));
    let ran = Ran::of(&mut shell).done();
    let told = ran.stdout.lines().filter(|line| !line.starts_with("sk-cultivar-"));
    assert_snapshot!(redact(&told.collect::<Vec<_>>().join("\n")));
}
