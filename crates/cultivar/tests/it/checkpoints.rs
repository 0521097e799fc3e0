//! Ctrl-C during training keeps what was learned; damaged checkpoints are passed over, told, and never mistaken for whole ones.

use std::{
    fs,
    path::{Path, PathBuf},
};

use insta::assert_snapshot;
use serde_json::Value;

use crate::program::{SMALL_DEMO, Workplace, copy_folder, cut, flip, only_in};

const WEIGHTS: &str = "model.safetensors";

/// The checkpoints of the only run, oldest first.
fn checkpoints(workplace: &Workplace) -> Vec<PathBuf> {
    let folder = only_in(&workplace.data("runs")).join("checkpoints");
    let mut folders: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    folders.sort();
    folders
}

fn step(checkpoint: &Path) -> u64 {
    let name = checkpoint.file_name().unwrap().to_str().unwrap();
    name.strip_prefix("step-").unwrap().parse().unwrap()
}

fn steps_of_metrics(workplace: &Workplace) -> Vec<u64> {
    let text = fs::read_to_string(only_in(&workplace.data("runs")).join("metrics.jsonl")).unwrap();
    let step = |line| serde_json::from_str::<Value>(line).unwrap()["step"].as_u64().unwrap();
    text.lines().map(step).collect()
}

/// Without the number of the step, which depends on how fast the machine is.
fn without_step(text: &str) -> String {
    let Some((before, after)) = text.split_once("step-") else {
        return text.to_owned();
    };
    format!(
        "{before}step-[n]{}",
        without_step(after.trim_start_matches(|c: char| c.is_ascii_digit()))
    )
}

#[test]
fn an_interrupted_run_goes_on_from_its_newest_whole_checkpoint() {
    let workplace = Workplace::new();
    let demo = [&SMALL_DEMO[..], &["--train-seconds", "6"]].concat();

    let running = workplace.start(&demo);
    assert!(running.says("6. train"), "{}", running.said_so_far());
    running.interrupt();
    assert_snapshot!(running.end().failure(), @"
    error[pipeline::interrupted]: interrupted during train; everything up to here is kept
    help: run the same command again: it goes on from here
    exit 3
    ");
    let first = checkpoints(&workplace).pop().unwrap();

    let running = workplace.start(&demo);
    let goes_on = format!("goes on from step {}", step(&first));
    assert!(running.says(&goes_on), "{}", running.said_so_far());
    running.interrupt();
    assert_eq!(running.end().code, Some(3));
    let second = checkpoints(&workplace).pop().unwrap();
    assert!(step(&second) > step(&first), "{second:?} {first:?}");

    copy_folder(&first, &workplace.path("kept"));
    flip(&first.join(WEIGHTS), 1_000);
    cut(&second.join(WEIGHTS));
    assert_snapshot!(without_step(&workplace.run(&demo).failure()), @"
    warning[pipeline::corrupt_checkpoint]: the checkpoint `data/runs/[id]/checkpoints/step-[n]` is damaged: `model.safetensors` is not what the manifest says
    help: remove that folder; the run goes on from the one before, or from the start
    error[pipeline::corrupt_checkpoint]: the checkpoint `data/runs/[id]/checkpoints/step-[n]` is damaged: `model.safetensors` is not what the manifest says
    help: remove that folder; the run goes on from the one before, or from the start
    exit 5
    ");

    copy_folder(&workplace.path("kept"), &first);
    let ran = workplace.run(&demo).done();
    let warning = "warning[pipeline::corrupt_checkpoint]: the checkpoint `data/runs/";
    assert!(
        ran.stderr.contains(warning) && ran.stderr.contains(&goes_on),
        "{}",
        ran.stderr
    );
    let steps = steps_of_metrics(&workplace);
    assert!(steps.is_sorted() && steps.last() >= Some(&step(&first)), "{steps:?}");
    workplace.run(&["doctor"]).done();

    // Older weights are not what the ledger says that the run ended with.
    for folder in checkpoints(&workplace) {
        fs::remove_dir_all(folder).unwrap();
    }
    copy_folder(&workplace.path("kept"), &first);
    assert_snapshot!(workplace.run(&demo).failure(), @"
    error[pipeline::lost_weights]: the run `[id]` is done, but the weights that it ended with are gone
    help: restore `runs/` from a backup, or train anew: any change of `[train]` in the recipe is another run
    exit 5
    ");
}
