//! A model that somebody was given, checked from its folder and two public keys alone.

use std::{fmt::Write as _, fs, path::Path};

use cultivar_record::{Digest, canonical_json};
use cultivar_testkit::redact;
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::program::{Ran, Workplace, copy_folder, flip, write};

/// A copy of the demo's model beside the public keys, in a place that has no data directory.
fn given() -> Workplace {
    let (demo, given) = (Workplace::with_finished_demo(), Workplace::new());
    copy_folder(&demo.data("models/barista/1"), &given.path("model"));
    fs::copy(demo.data("ledger/log.vkey"), given.path("log.vkey")).unwrap();
    fs::copy(demo.data("models/signing.pub"), given.path("signing.pub")).unwrap();
    given
}

fn verify(given: &Workplace) -> Ran {
    let keys = ["--ledger-key", "log.vkey", "--model-key", "signing.pub"];
    given.run(&[&["model", "verify", "--folder", "model"][..], &keys].concat())
}

/// Other proofs in the pedigree, and a manifest that says so.
fn with_proofs(model: &Path, change: fn(&Value) -> Value) {
    let read = |name: &str| -> Value { serde_json::from_slice(&fs::read(model.join(name)).unwrap()).unwrap() };
    let (mut pedigree, mut manifest) = (read("pedigree.json"), read("manifest.json"));
    pedigree["proofs"] = change(&pedigree["proofs"]);
    let text = canonical_json(&pedigree).unwrap();
    manifest["pedigree.json"] = json!(Digest::of_bytes(text.as_bytes()));
    write(&model.join("pedigree.json"), text.as_bytes());
    write(
        &model.join("manifest.json"),
        canonical_json(&manifest).unwrap().as_bytes(),
    );
}

/// A change of a model's folder.
type Change = fn(&Path);

#[test]
fn whatever_was_changed_in_a_model_that_was_given_is_named() {
    let whole = given();
    verify(&whole).done();
    assert!(!whole.data("").exists(), "nothing is written where somebody only looks");

    let changes: [(&str, Change); 11] = [
        ("no proof", |model| with_proofs(model, |_| json!([]))),
        ("a proof of something else", |model| {
            with_proofs(model, |proofs| json!([proofs[0], proofs[0]]));
        }),
        ("a bit of the weights", |model| {
            flip(&model.join("model.safetensors"), 5_000);
        }),
        ("an extra file", |model| write(&model.join("extra.bin"), b"x")),
        ("no duties", |model| fs::remove_file(model.join("duties.json")).unwrap()),
        ("no signature", |model| {
            fs::remove_file(model.join("model.sig")).unwrap();
        }),
        ("no pedigree", |model| {
            fs::remove_file(model.join("pedigree.json")).unwrap();
        }),
        ("another card", |model| {
            write(&model.join("card.md"), b"# Trained on nothing\n");
        }),
        ("another bill", |model| write(&model.join("mlbom.cdx.json"), b"{}")),
        ("a signature that is none", |model| {
            write(&model.join("model.sig"), b"{}");
        }),
        ("a letter of the pedigree", |model| {
            let pedigree = fs::read_to_string(model.join("pedigree.json")).unwrap();
            write(
                &model.join("pedigree.json"),
                pedigree.replace("recorded", "invented").as_bytes(),
            );
        }),
    ];
    let mut told = String::new();
    for (what, change) in changes {
        let given = given();
        change(&given.path("model"));
        let failure = verify(&given).failure();
        let failure = match failure.split_once("the ledger's entry ") {
            Some((before, after)) => {
                let after = after.trim_start_matches(|c: char| c.is_ascii_digit());
                format!("{before}the ledger's entry [n]{after}")
            }
            None => failure,
        };
        let _ = write!(told, "# {what}\n{failure}\n\n");
    }
    let foreign = given();
    fs::copy(foreign.path("log.vkey"), foreign.path("signing.pub")).unwrap();
    let _ = write!(told, "# a key that is none\n{}\n\n", verify(&foreign).failure());
    assert_snapshot!(told.trim_end());
}

#[test]
fn a_pedigree_is_a_tree_and_a_drawing() {
    let workplace = Workplace::with_finished_demo();
    let tree = workplace.run(&["model", "pedigree", "barista"]).done().stdout;
    for words in [
        "barista@1",
        "dataset barista@1",
        "exchanges with recorded",
        "Creative Commons Attribution 4.0",
        "owed",
    ] {
        assert!(tree.contains(words), "{words}: {tree}");
    }
    workplace
        .run(&["model", "pedigree", "barista", "--svg", "pedigree.svg"])
        .done();
    let drawing = fs::read_to_string(workplace.path("pedigree.svg")).unwrap();
    assert!(
        drawing.starts_with("<svg ") && drawing.contains("<title>Pedigree of barista@1</title>"),
        "{drawing}"
    );
}

#[test]
fn the_public_is_told_where_a_model_comes_from_and_what_is_not_known() {
    let workplace = Workplace::with_finished_demo();
    let page = |market: &str| ["evidence", "page", "--model", "barista", "--market", market].map(str::to_owned);
    let run = |market: &str| {
        let arguments = page(market);
        workplace.run(&arguments.each_ref().map(String::as_str))
    };
    assert_snapshot!(redact(&run("EU").done().stdout));
    let california = run("US-CA").done().stdout;
    assert_eq!(california.matches("\n## ").count(), 12, "{california}");
    assert!(
        california.contains("under Creative Commons Attribution 4.0 (cc-by-4_0; "),
        "{california}"
    );
    assert_eq!(run("CN").code, Some(2));
    let out = [
        "evidence",
        "page",
        "--model",
        "barista@1",
        "--market",
        "EU",
        "--out",
        "summary.md",
    ];
    workplace.run(&out).done();
    let set = [
        "evidence",
        "set",
        "training_summary=summary.md",
        "--model",
        "barista",
        "--market",
        "EU",
    ];
    let told = workplace
        .run(&[&set[..], &["--by", "Ruth Example"]].concat())
        .done()
        .stdout;
    assert!(
        told.contains("training_summary     the public summary of training content: there"),
        "{told}"
    );
}
