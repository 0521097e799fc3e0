//! Limits, health and reconciliation from outside: whatever is asked, in whatever order, by however many at once.

#[cfg(test)]
mod health;
#[cfg(test)]
mod rates;
#[cfg(test)]
mod reconcile;
