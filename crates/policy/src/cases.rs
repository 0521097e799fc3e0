//! Literate cases: Markdown that a lawyer can read, decided by the policies in force. A case is a title, a story, a table of the
//! request, the answer in bold, a table of the determining policies in the order of the verdict, and their advice as quotations.

mod request;
mod shipped;

use cultivar_record::{Decision, OrganizationId, Reason, Timestamp, Verdict, VerdictId};
use serde::Serialize;

use self::request::{Told, Words};
use crate::{Markets, Permits, PolicyError, PolicyText, Register, Settings, Silence};

/// A case as it was written.
#[derive(Clone, Debug)]
pub struct Case {
    name: String,
    title: String,
    text: String,
}

/// What became of a case.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// The case's name.
    pub case: String,
    /// Its title.
    pub title: String,
    /// The answer of the policies, `permit` or `forbid`.
    pub answer: &'static str,
    /// Whether it is as the case says.
    pub passed: bool,
    /// What is not as the case says; empty where it passed.
    pub differences: Vec<String>,
    /// The reasons, as the policies give them.
    pub reasons: Vec<Reason>,
}

/// What cases are decided by: the register, the markets, and the policies under either reading of silence.
#[derive(Debug)]
pub struct CaseBook {
    register: Register,
    markets: Markets,
    permits: [Permits; 2],
}

impl CaseBook {
    /// Policies tightened by packs, over a register and markets.
    pub fn new(register: Register, markets: Markets, packs: &[PolicyText<'_>]) -> Result<Self, PolicyError> {
        let permits = |silent_benchmark| Permits::tightened(Settings { silent_benchmark }, packs);
        Ok(Self {
            register,
            markets,
            permits: [permits(Silence::Permits)?, permits(Silence::Forbids)?],
        })
    }

    /// Decides a case.
    ///
    /// # Errors
    /// `policy::case_unreadable` where it asks nothing that can be asked; `policy::undecided`.
    pub fn run(&self, case: &Case) -> Result<Outcome, PolicyError> {
        let verdict = self.verdict(case)?;
        let answer = if verdict.decision == Decision::Permit {
            "permit"
        } else {
            "forbid"
        };
        let differences = differences(case, answer, &verdict)?;
        Ok(Outcome {
            case: case.name.clone(),
            title: case.title.clone(),
            answer,
            passed: differences.is_empty(),
            differences,
            reasons: verdict.reasons,
        })
    }

    fn verdict(&self, case: &Case) -> Result<Verdict, PolicyError> {
        let mut words = Words::read(&case.name, &table(&case.text, "Request"))?;
        let silence = words.one_of(
            "silent benchmark",
            Some("permits"),
            &[("permits", 0_usize), ("forbids", 1)],
        )?;
        let told = Told::read(&mut words, &self.register, &self.markets)?;
        let request = words.request(&told)?;
        words.end()?;
        let [permits, forbids] = &self.permits;
        let policies = if silence == 0 { permits } else { forbids };
        let zero = Timestamp::from_micros(0);
        policies.decide(&request, VerdictId::from_parts(zero, &[0; 32]), zero)
    }
}

impl Case {
    /// Reads a case.
    ///
    /// # Errors
    /// `policy::case_unreadable`.
    pub fn read(name: &str, text: &str) -> Result<Self, PolicyError> {
        let title = text.lines().find_map(|line| line.strip_prefix("# "));
        let title = title
            .ok_or_else(|| unreadable(name, "it has no title"))?
            .trim()
            .to_owned();
        Ok(Self {
            name: name.to_owned(),
            title,
            text: text.to_owned(),
        })
    }

    /// The shipped cases.
    pub fn shipped() -> Result<Vec<Self>, PolicyError> {
        shipped::CASES
            .iter()
            .map(|(name, text)| Self::read(name, text))
            .collect()
    }
}

/// The organisation of every case.
pub(super) fn organization() -> OrganizationId {
    OrganizationId::from_parts(Timestamp::from_micros(0), &[1; 32])
}

fn differences(case: &Case, answer: &str, verdict: &Verdict) -> Result<Vec<String>, PolicyError> {
    let said: Vec<&str> = ["permit", "forbid"]
        .into_iter()
        .filter(|word| case.text.contains(&format!("**{word}**")))
        .collect();
    let [said] = said.as_slice() else {
        return Err(unreadable(&case.name, "it must say `**permit**` or `**forbid**`, once"));
    };
    let mut found = Vec::new();
    if *said != answer {
        found.push(format!("the case says {said}, the policies say {answer}"));
    }
    let expected = table(&case.text, "Policy");
    let given: Vec<Vec<String>> = verdict.reasons.iter().map(cells_of).collect();
    let lacks = |one: &[Vec<String>], other: &[Vec<String>], what: &str| {
        let missing = one.iter().filter(|row| !other.contains(row));
        missing
            .map(|row| format!("{what}: {}", row.join(" | ")))
            .collect::<Vec<_>>()
    };
    found.extend(lacks(&expected, &given, "the policies do not give the reason"));
    found.extend(lacks(&given, &expected, "the case does not name the reason"));
    if found.is_empty() && expected != given {
        found.push("the reasons are given in another order".to_owned());
    }
    let advice: Vec<&str> = verdict
        .reasons
        .iter()
        .filter_map(|reason| reason.advice.as_deref())
        .collect();
    let quoted: Vec<&str> = case.text.lines().filter_map(|line| line.strip_prefix("> ")).collect();
    if !quoted.is_empty() && quoted != advice {
        found.push(format!("the advice is another: {}", advice.join(" / ")));
    }
    Ok(found)
}

fn cells_of(reason: &Reason) -> Vec<String> {
    vec![
        reason.policy.clone(),
        reason.fact.map(|fact| fact.to_string()).unwrap_or_default(),
        reason.value.map(|value| value.to_string()).unwrap_or_default(),
        reason.clause.clone().unwrap_or_default(),
    ]
}

/// The rows of the table that begins with this header cell, without header and rule.
fn table(text: &str, header: &str) -> Vec<Vec<String>> {
    let cells = |line: &str| -> Vec<String> {
        let inner = line.trim().trim_start_matches('|').trim_end_matches('|');
        let cells = inner.split('|');
        cells.map(|cell| cell.trim().trim_matches('`').to_owned()).collect()
    };
    let mut lines = text
        .lines()
        .skip_while(|line| !line.starts_with('|') || cells(line).first().is_none_or(|cell| cell != header));
    lines.next();
    let rows = lines.skip(1).take_while(|line| line.starts_with('|'));
    rows.map(cells).collect()
}

fn unreadable(case: &str, reason: impl Into<String>) -> PolicyError {
    PolicyError::CaseUnreadable {
        case: case.to_owned(),
        reason: reason.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CASE: &str = "# A title\n\n| Request |     |\n|---|---|\n| terms | `mit` |\n| footing | accepted |\n| use | infer |\n\
                        | purpose | serve |\n\nThe answer is **permit**:\n\n| Policy | Fact | Value | Clause |\n|---|---|---|---|\n\
                        | `infer.permitted` | | | |\n";

    fn book() -> CaseBook {
        CaseBook::new(Register::shipped().unwrap(), Markets::shipped().unwrap(), &[]).unwrap()
    }

    fn run(from: &str, to: &str) -> Result<Outcome, PolicyError> {
        assert!(CASE.contains(from), "{from}");
        book().run(&Case::read("c.md", &CASE.replace(from, to)).unwrap())
    }

    #[test]
    fn a_case_that_is_wrong_says_what_is_not_as_it_says() {
        assert!(run("title", "name").unwrap().passed);
        let cases = [
            (
                "**permit**",
                "**forbid**",
                "the case says forbid, the policies say permit",
            ),
            (
                "`infer.permitted`",
                "`infer.purpose`",
                "the case does not name the reason: infer.permitted",
            ),
            ("serve", "administer", "the case says permit, the policies say forbid"),
            (
                "| | | |\n",
                "| | | |\n\n> Do nothing.\n",
                "the advice is another: Show the answer.",
            ),
        ];
        for (from, to, wanted) in cases {
            let outcome = run(from, to).unwrap();
            assert!(
                !outcome.passed && outcome.differences.join("\n").contains(wanted),
                "{outcome:?}"
            );
        }
    }

    #[test]
    fn a_case_that_cannot_be_read_is_refused() {
        let cases = [
            ("**permit**", "perhaps", "once"),
            ("| footing | accepted |\n", "", "`footing`"),
            ("accepted", "agreed", "`agreed`"),
            ("infer |", "guess |", "`guess`"),
            ("`mit`", "`mitt`", "`mitt`"),
            ("| use |", "| usee | x |\n| use |", "`usee`"),
            ("purpose | serve", "purpose | surf", "`surf`"),
        ];
        for (from, to, wanted) in cases {
            let error = run(from, to).unwrap_err();
            let PolicyError::CaseUnreadable { case, reason } = &error else {
                panic!("{from}: {error:?}");
            };
            assert!(case == "c.md" && reason.contains(wanted), "{reason}");
        }
        assert!(matches!(
            Case::read("c", "no title"),
            Err(PolicyError::CaseUnreadable { .. })
        ));
    }

    #[test]
    fn every_case_of_the_folder_is_shipped_and_holds() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        let shipped: Vec<String> = shipped::CASES.iter().map(|(name, _)| format!("{name}.md")).collect();
        assert_eq!(files, shipped);
        let book = book();
        for case in Case::shipped().unwrap() {
            let outcome = book.run(&case).unwrap();
            assert!(outcome.passed, "{}: {:#?}", outcome.case, outcome.differences);
        }
    }
}
