//! `witness`: keeps the newest tree head of others' logs, and cosigns what continues it.

use std::sync::Arc;

use cultivar_cli::WitnessArgs;
use cultivar_ledger::VerifierKey;
use cultivar_store::files;
use cultivar_witness::Witness;
use serde_json::json;

use crate::{failure::Failure, opened::runtime, server::serve_witness, system::System, terminal::Terminal};

pub(crate) fn run(args: &WitnessArgs, terminal: &Terminal) -> Result<(), Failure> {
    let logs = args.logs.iter().map(|file| Ok(files::read_text(file)?.trim().parse()?));
    let logs: Vec<VerifierKey> = logs.collect::<Result<_, Failure>>()?;
    let witness = Arc::new(Witness::open(args.dir.clone(), &args.name, logs, &System)?);
    runtime()?.block_on(serve_witness(&args.listen, Arc::clone(&witness), |address| {
        let key = witness.key();
        terminal.result(
            &format!("Witness: http://{address}\nKey:     {key}"),
            &json!({ "address": format!("http://{address}"), "key": key.to_string() }),
        );
        terminal.say("Watching until interrupted (Ctrl-C).");
    }))
}
