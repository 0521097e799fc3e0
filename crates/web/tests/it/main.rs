//! The server from outside: bytes over a loopback connection, as clients and browsers send and see them.

#[cfg(test)]
mod admin;
#[cfg(test)]
mod api;
#[cfg(test)]
mod apprentice;
#[cfg(test)]
mod client;
#[cfg(test)]
mod door;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod files;
#[cfg(test)]
mod gone;
#[cfg(test)]
mod grants;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod markets;
#[cfg(test)]
mod outside;
#[cfg(test)]
mod own;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod passing;
#[cfg(test)]
mod record;
#[cfg(test)]
mod site;
#[cfg(test)]
mod slow;
#[cfg(test)]
mod standing;
#[cfg(test)]
mod streams;
#[cfg(test)]
mod teacher;
