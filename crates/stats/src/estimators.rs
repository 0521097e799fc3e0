//! Estimators: one file each.

mod bootstrap;
mod student;
mod wilson;

pub use bootstrap::{Resampling, bootstrap, paired_bootstrap};
pub use student::{paired_student_t, student_t};
pub use wilson::wilson;
