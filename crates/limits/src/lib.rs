//! Who may go on now, and whether the counts agree: rate limits and budgets by reservation and settlement, the health of
//! providers, delays and a budget for retries, and the reconciliation of our records with a provider's usage report.
//!
//! Everything here is arithmetic over arguments: no clock, no randomness, no I/O. It does not know what a call is about, who is
//! permitted, or where limits and spending are written down.

pub mod backoff;
pub mod health;
pub mod rates;
pub mod reconcile;
