//! The door from outside: what was asked, what was answered, and what the world holds of it afterwards.

#[cfg(test)]
mod calls;
#[cfg(test)]
mod desk;
#[cfg(test)]
mod local;
#[cfg(test)]
mod publishing;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod secrecy;
#[cfg(test)]
mod state;
#[cfg(test)]
mod streams;
#[cfg(test)]
mod world;
