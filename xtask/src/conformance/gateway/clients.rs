//! The foreign clients: which there are, what each needs, and how it is started. What they try is in their own files.

use std::{path::Path, process::Command};

use clap::ValueEnum;

use super::{super::peers, python};

/// A foreign client, as it is named on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Client {
    /// The official `OpenAI` client for Python: the newest major version, and the one before it
    OpenaiPython,
    /// The official `OpenAI` client for Node
    OpenaiNode,
    /// langchain-openai
    Langchain,
    /// The Vercel AI SDK with its OpenAI-compatible provider
    Vercel,
    /// litellm as a client
    Litellm,
    /// lm-eval: local-completions and local-chat-completions
    LmEval,
    /// Schemathesis, over `OpenAI`'s API and our own admin API
    Schemathesis,
}

/// A client in one version.
#[derive(Debug)]
pub(super) struct Program {
    client: Client,
    /// Its name in the table.
    pub(super) name: &'static str,
    /// Its file in the suite's folder.
    script: &'static str,
    /// What has to be installed.
    needs: Needs,
}

#[derive(Debug)]
enum Needs {
    /// What a list of requirements in the suite's folder names.
    Python(&'static str),
    /// What `package.json` in the suite's folder names.
    Node,
}

/// In the order in which they are run. Schemathesis is last: through the admin API it may change who is served, and by whom.
const PROGRAMS: [Program; 8] = [
    program(
        Client::OpenaiPython,
        "openai-python",
        "openai_python.py",
        Needs::Python("openai_python_3"),
    ),
    program(
        Client::OpenaiPython,
        "openai-python",
        "openai_python.py",
        Needs::Python("openai_python_2"),
    ),
    program(Client::OpenaiNode, "openai-node", "openai_node.mjs", Needs::Node),
    program(
        Client::Langchain,
        "langchain-openai",
        "langchain.py",
        Needs::Python("langchain"),
    ),
    program(Client::Vercel, "vercel ai", "vercel.mjs", Needs::Node),
    program(
        Client::Litellm,
        "litellm",
        "litellm_client.py",
        Needs::Python("litellm_client"),
    ),
    program(
        Client::LmEval,
        "lm-eval",
        "lm_eval_run.py",
        Needs::Python("lm_eval_run"),
    ),
    program(
        Client::Schemathesis,
        "schemathesis",
        "schemathesis_run.py",
        Needs::Python("schemathesis_run"),
    ),
];

const fn program(client: Client, name: &'static str, script: &'static str, needs: Needs) -> Program {
    Program {
        client,
        name,
        script,
        needs,
    }
}

/// The programs of these clients; of all, where none is named.
pub(super) fn programs(clients: &[Client]) -> impl Iterator<Item = &'static Program> {
    PROGRAMS
        .iter()
        .filter(move |program| clients.is_empty() || clients.contains(&program.client))
}

impl Program {
    /// Installs what it needs; the command that starts it, or why there is none, in one line.
    pub(super) fn install(&self, peers: &Path, suite: &Path) -> Result<Command, String> {
        let homes = peers.join("clients");
        match self.needs {
            Needs::Python(requirements) => {
                let interpreter = peers::python(
                    &homes.join(requirements),
                    &suite.join(requirements).with_extension("txt"),
                )?;
                let mut command = python(interpreter);
                command.arg(suite.join(self.script));
                Ok(command)
            }
            Needs::Node => {
                let home = homes.join("node");
                peers::node(&home, suite)?;
                let mut command = Command::new("node");
                command.arg(home.join(self.script));
                Ok(command)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_clients_are_run_where_none_is_named() {
        assert_eq!(programs(&[]).count(), PROGRAMS.len());
        assert!(
            Client::value_variants()
                .iter()
                .all(|client| programs(&[*client]).count() > 0)
        );
    }

    #[test]
    fn a_client_in_two_versions_is_two_programs() {
        let named: Vec<_> = programs(&[Client::OpenaiPython, Client::OpenaiNode])
            .map(|program| program.name)
            .collect();
        assert_eq!(named, ["openai-python", "openai-python", "openai-node"]);
    }
}
