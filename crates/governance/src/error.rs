//! Why something that people decide is not taken.

use cultivar_attest::AttestError;
use cultivar_gateway::GatewayError;
use cultivar_record::{RecordError, TermsKey};
use cultivar_store::StoreError;
use miette::Diagnostic;
use thiserror::Error;

/// Why an act of people is refused. Nothing was changed then.
#[derive(Debug, Error, Diagnostic)]
pub enum GovernanceError {
    /// The model is none of our own.
    #[error("`{model}` is no model of our own that answers here")]
    #[diagnostic(
        code("governance::not_own"),
        help("only models of one's own are approved: providers have their terms, see `cultivar terms accept`")
    )]
    NotOwn {
        /// The model.
        model: String,
    },
    /// Several versions answer under the name.
    #[error("`{model}` is answered by {providers}, and they are not the same model")]
    #[diagnostic(code("governance::ambiguous"), help("name one of them: `--provider NAME`"))]
    Ambiguous {
        /// The model.
        model: String,
        /// The providers.
        providers: String,
    },
    /// The key is somebody's already.
    #[error("the key is that of `{name}` already, now or in the past")]
    #[diagnostic(
        code("governance::key_taken"),
        help(
            "every person has a key of one's own, and a replaced key never comes back: `cultivar member key NAME --org ORG --out FILE`"
        )
    )]
    KeyTaken {
        /// Whose.
        name: String,
    },
    /// Nobody knows what the model learned from.
    #[error("the records do not know what `{model}` descends from")]
    #[diagnostic(
        code("governance::no_pedigree"),
        help("nothing is released on doubt: publish the model with `cultivar build`, which signs its pedigree")
    )]
    NoPedigree {
        /// The model.
        model: String,
    },
    /// The end is not after now.
    #[error("the time of expiry is not in the future")]
    #[diagnostic(
        code("governance::expiry"),
        help("write a later time, for instance `--expires 2027-12-24T00:00:00Z`")
    )]
    Expiry,
    /// Something is missing in the statement of a grant.
    #[error("the grant names no {what}")]
    #[diagnostic(
        code("governance::grant_incomplete"),
        help("a grant covers what it names and nothing else: name at least one of each")
    )]
    GrantIncomplete {
        /// What.
        what: &'static str,
    },
    /// The party of the grant is not that of the terms.
    #[error("the party of `{terms}` is `{found}`, not `{party}`")]
    #[diagnostic(
        code("governance::other_party"),
        help("a contract waives only the terms of the party that signed it: see `cultivar terms show`")
    )]
    OtherParty {
        /// The row.
        terms: TermsKey,
        /// The party in the register.
        found: String,
        /// The party in the grant.
        party: String,
    },
    /// The checklist has no such item.
    #[error("the checklist of {market} has no item `{key}` to hand in")]
    #[diagnostic(
        code("governance::unknown_item"),
        help("`cultivar evidence show` lists them: {known}")
    )]
    UnknownItem {
        /// The market.
        market: String,
        /// What was named.
        key: String,
        /// What there is.
        known: String,
    },
    /// An item that is counted came without counts.
    #[error("`{key}` is an item that is counted, and the file has no counts")]
    #[diagnostic(
        code("governance::no_counts"),
        help("hand in a JSON file with `{{\"asked\": N, \"counted\": M}}`, M at most N; it may say more")
    )]
    NoCounts {
        /// The item.
        key: String,
    },
    /// What people signed does not count.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Attest(#[from] AttestError),
    /// The door refuses.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Gateway(#[from] GatewayError),
}

impl From<StoreError> for GovernanceError {
    fn from(error: StoreError) -> Self {
        GatewayError::from(error).into()
    }
}

impl From<RecordError> for GovernanceError {
    fn from(error: RecordError) -> Self {
        AttestError::from(error).into()
    }
}
