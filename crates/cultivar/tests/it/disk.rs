//! A full disk: said as such, nothing half-written, and the same command goes on once there is space.

use std::{fs, process::Command};

use insta::assert_snapshot;

use crate::program::{Ran, SMALL_DEMO, Workplace, only_in};

/// Runs a shell script in which `demo` is a small demo and `doctor` looks after it.
fn script(workplace: &Workplace, wrapper: &[&str], text: &str) -> Ran {
    let demo = format!(
        "demo() {{ \"$0\" {} --train-seconds 2 --quiet --data-dir data; }}",
        SMALL_DEMO.join(" ")
    );
    let doctor = "doctor() { \"$0\" doctor --data-dir data; }";
    let mut command = Command::new(wrapper[0]);
    command
        .args(&wrapper[1..])
        .args([
            "sh",
            "-c",
            &format!("{demo}\n{doctor}\n{text}"),
            env!("CARGO_BIN_EXE_cultivar"),
        ])
        .current_dir(workplace.path(""));
    Ran::of(&mut command)
}

#[test]
fn weights_that_may_not_be_written_are_not_half_written() {
    let workplace = Workplace::with_finished_demo();
    fs::remove_dir_all(workplace.data("runs")).unwrap();
    // 4 or 8 MiB per file, by the shell: less than the weights, more than everything else.
    let ran = script(&workplace, &["env"], "trap '' XFSZ\nulimit -f 8192\ndemo");
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    let (message, help) = ran.stderr.split_once('\n').unwrap();
    assert!(message.starts_with("error[store::file]: `data/runs/"), "{message}");
    assert!(
        message.ends_with("model.safetensors` cannot be written: File too large (os error 27)"),
        "{message}"
    );
    assert!(help.starts_with("help: "), "{help}");
    let checkpoints = only_in(&workplace.data("runs")).join("checkpoints");
    assert!(
        !checkpoints.exists()
            || fs::read_dir(checkpoints)
                .unwrap()
                .all(|folder| is_empty(&folder.unwrap()))
    );
    assert_eq!(fs::read_dir(workplace.data("tmp")).unwrap().count(), 0);
    script(&workplace, &["env"], "doctor && demo && doctor").done();
}

fn is_empty(folder: &fs::DirEntry) -> bool {
    fs::read_dir(folder.path()).unwrap().count() == 0
}

/// Needs a filesystem of its own, mounted where nobody else sees it (`unshare` of util-linux, user namespaces).
#[test]
fn a_disk_that_fills_up_at_any_stage_is_said_and_gone_on_from() {
    let workplace = Workplace::new();
    fs::create_dir(workplace.data("")).unwrap();
    let attempts = "
        mount -t tmpfs -o size=100k none data || exit 77
        for size in 400k 2m 12m 200m; do
            demo >/dev/null; echo \"exit $?, $(ls data/tmp | wc -l) under way\"
            mount -o remount,size=$size data || exit 77
        done
        demo >/dev/null && doctor | cut -d : -f 1";
    let ran = script(&workplace, &["env", "unshare", "-rm"], attempts);
    if ran.stdout.is_empty() {
        eprintln!("skipped: no filesystem can be mounted here: {}", ran.stderr.trim());
        return;
    }
    let errors = ran.stderr.lines().filter(|line| !line.starts_with("help: "));
    for error in errors.clone() {
        assert!(error.contains("[store::disk_full]: no space is left for `"), "{error}");
    }
    assert!(errors.count() >= 4, "{}", ran.stderr);
    assert_snapshot!(ran.done().stdout, @"
    exit 3, 0 under way
    exit 3, 0 under way
    exit 3, 0 under way
    exit 3, 0 under way
    ok      terms
    ok      ledger
    ok      bodies
    ok      dataset barista@1
    ok      model barista@1
    ");
}
