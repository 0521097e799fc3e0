//! The server from outside: bytes over a loopback connection, as clients and browsers send and see them.

#[cfg(test)]
mod admin;
#[cfg(test)]
mod api;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod files;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod site;
#[cfg(test)]
mod streams;
#[cfg(test)]
mod teacher;
