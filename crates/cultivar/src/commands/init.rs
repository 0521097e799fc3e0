//! `init`: a data directory with an organisation, keys and a ledger.

use cultivar_cli::InitArgs;
use cultivar_record::Purpose;
use serde_json::json;

use crate::{
    config::Config,
    failure::Failure,
    opened::{Opened, runtime},
    terminal::Terminal,
};

pub(crate) fn run(args: &InitArgs, config: &Config, terminal: &Terminal) -> Result<(), Failure> {
    runtime()?.block_on(async {
        let opened = Opened::create(config)?;
        let organization = opened.organization(&args.name, args.market.as_str()).await?;
        for purpose in Purpose::ALL {
            opened.own_caller(&organization, purpose).await?;
        }
        opened.close().await?;
        let text = format!(
            "`{}` is ready for `{}` in {}; next: `cultivar build recipe.toml` or `cultivar serve`",
            opened.dir.root().display(),
            organization.name,
            organization.market
        );
        terminal.result(
            &text,
            &json!({ "data_dir": opened.dir.root(), "organization": organization }),
        );
        Ok(())
    })
}
