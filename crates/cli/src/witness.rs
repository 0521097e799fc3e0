//! `witness`.

use std::path::PathBuf;

use clap::Args;

/// `witness`.
#[derive(Debug, Args)]
pub struct WitnessArgs {
    /// The verifier key of a log to watch, as its `log.vkey` holds it; may be given several times
    #[arg(long = "log", value_name = "FILE", required = true)]
    pub logs: Vec<PathBuf>,
    /// Where its key and the newest tree heads are kept
    #[arg(long, default_value = "./cultivar-witness", value_name = "DIR")]
    pub dir: PathBuf,
    /// Its name, where its key is made now
    #[arg(long, default_value = "witness.localhost")]
    pub name: String,
    /// Where to listen; port 0 takes any free one
    #[arg(long, default_value = "127.0.0.1:7412", value_name = "ADDRESS")]
    pub listen: String,
}
