//! What is shown: families of points with attributes, before anybody writes them as text or JSON.

use std::{collections::BTreeMap, sync::Arc};

use crate::histogram::Counted;

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Attribute {
    /// A name.
    Text(Arc<str>),
    /// A whole number.
    Number(i64),
    /// Yes or no.
    Flag(bool),
}

impl From<&str> for Attribute {
    fn from(text: &str) -> Self {
        Self::Text(Arc::from(text))
    }
}

/// Attributes by their names.
pub(crate) type Attributes = BTreeMap<&'static str, Attribute>;

/// How numbers of a family behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Grows only.
    Counter,
    /// Stands as it stands.
    Gauge,
    /// Counted by size.
    Histogram,
}

/// A number.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// A whole one.
    Whole(u64),
    /// Another one.
    Real(f64),
    /// Many, counted by size.
    Counted(Counted),
}

/// All points of a name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Family {
    /// Its name in OpenTelemetry.
    pub name: &'static str,
    /// Its unit (UCUM).
    pub unit: &'static str,
    /// What it tells.
    pub help: &'static str,
    /// How its numbers behave.
    pub kind: Kind,
    /// Its points.
    pub points: BTreeMap<Attributes, Value>,
}

impl Family {
    pub(crate) const fn new(name: &'static str, unit: &'static str, kind: Kind, help: &'static str) -> Self {
        Self {
            name,
            unit,
            help,
            kind,
            points: BTreeMap::new(),
        }
    }

    /// Adds a point; to one with the same attributes where there is one.
    pub(crate) fn add(&mut self, attributes: Attributes, value: Value) {
        let Some(known) = self.points.get_mut(&attributes) else {
            self.points.insert(attributes, value);
            return;
        };
        match (known, value) {
            (Value::Whole(known), Value::Whole(more)) => *known = known.saturating_add(more),
            (Value::Real(known), Value::Real(more)) => *known += more,
            (Value::Counted(known), Value::Counted(more)) => known.add(&more),
            _ => {}
        }
    }

    /// Adds what was counted by size, where anything was.
    pub(crate) fn add_counted(&mut self, attributes: Attributes, counted: Counted) {
        if counted.count() > 0 {
            self.add(attributes, Value::Counted(counted));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_with_the_same_attributes_are_one() {
        let mut family = Family::new("cultivar.test", "{test}", Kind::Counter, "A test.");
        let attributes = Attributes::from([("a", Attribute::from("b"))]);
        family.add(attributes.clone(), Value::Whole(1));
        family.add(attributes.clone(), Value::Whole(2));
        family.add(Attributes::new(), Value::Whole(5));
        assert_eq!(family.points[&attributes], Value::Whole(3));
        assert_eq!(family.points.len(), 2);
    }
}
