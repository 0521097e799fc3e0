//! A full disk: said as such, nothing half-written, and the same command goes on once there is space. A server refuses, loses
//! nothing, and serves again.

use std::{fs, process::Command, thread, time::Duration};

use insta::assert_snapshot;

use crate::{
    http,
    kill::History,
    program::{Ran, Running, SMALL_DEMO, Workplace, only_in, write},
    served::{Served, question},
};

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
    ok      erasures
    ok      dataset barista@1
    ok      model barista@1
    ");
}

/// Serves from a small filesystem of its own, which it fills and empties when it is told.
const ON_A_SMALL_DISK: &str = "
    mount -t tmpfs -o size=6m none data || exit 77
    cp -r prepared/. data/
    \"$0\" serve --listen 127.0.0.1:0 --data-dir data & server=$!
    until [ -e fill ]; do sleep 0.02; done
    cat /dev/zero > data/filler 2>/dev/null
    touch filled
    until [ -e empty ]; do sleep 0.02; done
    rm data/filler
    touch emptied
    until [ -e stop ]; do sleep 0.02; done
    kill -INT $server; wait $server
    rm prepared -r; cp -r data prepared";

/// The server runs in a filesystem of its own, which is filled and emptied while clients ask.
#[test]
fn a_server_on_a_full_disk_refuses_and_loses_nothing_and_serves_again() {
    let served = Served::new();
    let workplace = &served.workplace;
    fs::rename(workplace.data(""), workplace.path("prepared")).unwrap();
    fs::create_dir(workplace.data("")).unwrap();
    let mut command = Command::new("unshare");
    command
        .args(["-rm", "sh", "-c", ON_A_SMALL_DISK, env!("CARGO_BIN_EXE_cultivar")])
        .current_dir(workplace.path(""));
    let running = Running::start(&mut command);
    if !running.says("Serving until interrupted") {
        eprintln!(
            "skipped: no filesystem can be mounted here: {}",
            running.end().stderr.trim()
        );
        return;
    }
    let said = running.end_of("Model API: ");
    let address = said.trim_end_matches("/v1");
    let sign = |name: &str, heard: &str| {
        write(&workplace.path(name), b"");
        while !workplace.path(heard).exists() {
            thread::sleep(Duration::from_millis(5));
        }
    };
    let ask = |stream: bool| http::ask(address, &served.key, &question(stream)).unwrap();
    let is_whole = |answer: &http::Answer| answer.status == 200 && !answer.body.contains("\"error\"");
    let mut heard = Vec::new();
    for n in 0..20 {
        let answer = ask(n % 2 == 1);
        assert!(is_whole(&answer), "{answer:?}");
        heard.push(answer.request_id);
    }
    sign("fill", "filled");
    let mut refused = 0;
    for n in 0..400 {
        let answer = ask(n % 2 == 1);
        if is_whole(&answer) {
            heard.push(answer.request_id);
            continue;
        }
        refused += 1;
        let is_said = answer.body.contains("store::disk_full") || answer.body.contains("ledger_backpressure");
        assert!(is_said && (answer.status == 503 || answer.status == 200), "{answer:?}");
    }
    assert!(refused > 100, "{refused} were refused");
    sign("empty", "emptied");
    for n in 0..20 {
        let answer = ask(n % 2 == 1);
        assert!(is_whole(&answer), "it serves again: {answer:?}");
        heard.push(answer.request_id);
    }
    write(&workplace.path("stop"), b"");
    let ran = running.end();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    fs::remove_dir(workplace.data("")).unwrap();
    fs::rename(workplace.path("prepared"), workplace.data("")).unwrap();
    for command in [&["doctor"][..], &["ledger", "verify"], &["ledger", "fsck"]] {
        workplace.run(command).done();
    }
    // Opening it closes what could not be closed on the full disk.
    workplace.run(&["key", "create", "after"]).done();
    let history = History::read(workplace);
    history.is_consistent();
    eprintln!("{} answered, {refused} refused", heard.len());
    for id in heard {
        history.has_answered(id.parse().unwrap());
    }
}
