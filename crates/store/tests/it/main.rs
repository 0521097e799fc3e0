//! The store from outside: one conformance suite for every engine, and what lies in files beside the database.

#[cfg(test)]
mod blobs;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod data_dir;
#[cfg(test)]
mod files;
#[cfg(test)]
mod journal;
#[cfg(test)]
mod packs;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod sqlite;
