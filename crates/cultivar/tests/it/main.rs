//! The program as a person runs it: the real binary, real directories, real sockets, real signals. Needs nothing but Rust and
//! a shell.

mod checkpoints;
mod damage;
mod disk;
mod http;
mod kill;
mod license;
mod occupied;
mod output;
mod program;
mod provider;
mod usage;
