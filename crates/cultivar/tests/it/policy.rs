//! The rules in force: checked, tested, explained; a pack of one's own only tightens them.

use insta::assert_snapshot;

use crate::program::Workplace;

const PACK: &str = r#"
@id("own.no-openai-answers")
@fact("train_competing")
@source("a rule of our own")
@advice("Ask Ann.")
forbid(principal, action == Action::"Train", resource)
when { resource.train_competing == Fact::"no" };
"#;

#[test]
fn what_may_be_done_with_terms_is_told_with_its_conditions() {
    let workplace = Workplace::new();
    let told = workplace.run(&[
        "policy",
        "explain",
        "--terms",
        "openai-services-2026-01-01",
        "--for",
        "train",
    ]);
    assert_snapshot!(told.done().stdout, @r#"
    Train            permitted under conditions

    OpenAI Services Agreement (business / API) (`openai-services-2026-01-01`)

      Train: permitted under conditions
        unless train.untraced
          forbids when `(context has training) && (!(context.training.untraced == 0))`
          Drop the records whose origin is not known, or trace each of them to an exchange or an import.
        unless train.competing: train_competing = no, clause 3.3(e); definitions 'Permitted Exception', 'Reverse Engineer'; 16.11; 16.12
          forbids when `(!context.waived.contains(WaivedFact::"train_competing")) && ((context has training) && context.training.competes)`
          Have two people sign a grant of the provider that waives `train_competing`; or use a provider whose terms allow it (rows with `train_competing = yes`); or stay inside the provider's own fine-tuning service.

    For every use of terms
      standing.served: The organisation is suspended or terminated. Read the case that led to it, and object there if it is wrong.
      terms.accepted: Have a named person read this version of the terms and accept it for the organisation: `cultivar terms accept`.
    "#);
    let json = workplace
        .run(&[
            "policy",
            "explain",
            "--terms",
            "mistral-tos-2024-02-08",
            "mit",
            "--format",
            "json",
        ])
        .done()
        .json();
    assert_eq!(json["answers"]["Evaluate"], "only_with_grant");
    assert_eq!(json["answers"]["Infer"], "permitted_if");
    assert_eq!(
        json["terms"][0]["uses"][3]["forbidden_by"][0]["policy"],
        "evaluate.benchmark"
    );
    let unknown = workplace.run(&["policy", "explain", "--terms", "nothing"]);
    assert_snapshot!(unknown.failure(), @"
    error[cli::not_found]: there is no row of terms `nothing`
    help: list what there is with the noun's `list`, for instance `cultivar model list`
    exit 3
    ");
}

#[test]
fn the_shipped_cases_hold_and_one_that_does_not_says_why() {
    let workplace = Workplace::new();
    let all = workplace.run(&["policy", "test", "--format", "json"]).done().json();
    assert!(all["cases"].as_array().unwrap().len() > 40 && all["failed"] == 0);
    let case = "# Ours\n\n| Request | |\n|---|---|\n| terms | `mit` |\n| footing | accepted |\n| use | infer |\n| purpose | serve |\n\n\
                **forbid**\n\n| Policy | Fact | Value | Clause |\n|---|---|---|---|\n| `infer.purpose` | | | |\n";
    workplace.write("ours.md", case);
    let failed = workplace.run(&["policy", "test", "ours.md"]);
    assert_snapshot!(failed.stdout, @"
    FAIL  Ours (ours.md)
            the case says forbid, the policies say permit
            the policies do not give the reason: infer.purpose |  |  | 
            the case does not name the reason: infer.permitted |  |  | 
    0 of 1 cases hold
    ");
    assert_snapshot!(failed.failure(), @"
    error[policy::cases_failed]: 1 case(s) are not decided as they say
    help: each failed case above says what differs: change the rule, or what the case expects
    exit 3
    ");
}

#[test]
fn a_pack_tightens_what_is_explained_and_one_that_permits_is_refused_at_start() {
    let workplace = Workplace::new();
    workplace.write("own.cedar", PACK);
    workplace.write("cultivar.toml", "[policy]\npacks = [\"own.cedar\"]\n");
    let checked = workplace.run(&["policy", "check", "--format", "json"]).done().json();
    assert_eq!(checked["packs"][0], "own.cedar");
    let told = workplace
        .run(&[
            "policy",
            "explain",
            "--terms",
            "openai-services-2026-01-01",
            "--for",
            "train",
            "--format",
            "json",
        ])
        .done()
        .json();
    assert_eq!(told["answers"]["Train"], "forbidden");
    workplace.write("own.cedar", &PACK.replace("forbid(", "permit("));
    for command in [&["policy", "check"][..], &["init"][..]] {
        let refused = workplace.run(command);
        assert_eq!(refused.code, Some(3));
        assert!(
            refused.failure().contains("policy::pack_loosens"),
            "{}",
            refused.failure()
        );
    }
}
