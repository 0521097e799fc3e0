//! The program as a person runs it: the real binary, real directories, real sockets, real signals. Needs nothing but Rust and
//! a shell.

#[cfg(test)]
mod administer;
#[cfg(test)]
mod approvals;
#[cfg(test)]
mod checkpoints;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod disk;
#[cfg(test)]
mod erase;
#[cfg(test)]
mod http;
#[cfg(test)]
mod idle;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod license;
#[cfg(test)]
mod load;
#[cfg(test)]
mod markets;
#[cfg(test)]
mod occupied;
#[cfg(test)]
mod output;
#[cfg(test)]
mod papers;
#[cfg(test)]
mod policy;
#[cfg(test)]
mod program;
#[cfg(test)]
mod provider;
#[cfg(test)]
mod reconcile;
#[cfg(test)]
mod served;
#[cfg(test)]
mod usage;
#[cfg(test)]
mod witness;
