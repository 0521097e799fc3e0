//! The boundary behind which a database engine stands. Knows statements and values, not what they mean.

use crate::StoreError;

/// A value of one of the four types that every engine has.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// BIGINT.
    Integer(i64),
    /// DOUBLE PRECISION.
    Real(f64),
    /// TEXT.
    Text(String),
}

/// A row of a result.
#[derive(Clone, Debug, PartialEq)]
pub struct Row(pub Vec<Value>);

impl Row {
    /// The text in a column.
    pub fn text(&self, column: usize) -> Result<&str, StoreError> {
        match self.0.get(column) {
            Some(Value::Text(text)) => Ok(text),
            other => Err(StoreError::unexpected(column, "text", other)),
        }
    }

    /// The text in a column, or nothing.
    pub fn text_or_null(&self, column: usize) -> Result<Option<&str>, StoreError> {
        match self.0.get(column) {
            Some(Value::Null) => Ok(None),
            _ => self.text(column).map(Some),
        }
    }

    /// The whole number in a column.
    pub fn integer(&self, column: usize) -> Result<i64, StoreError> {
        match self.0.get(column) {
            Some(Value::Integer(number)) => Ok(*number),
            other => Err(StoreError::unexpected(column, "integer", other)),
        }
    }

    /// The count in a column: a whole number that is not negative.
    pub fn count(&self, column: usize) -> Result<u64, StoreError> {
        let number = self.integer(column)?;
        u64::try_from(number).map_err(|_| StoreError::unexpected(column, "count", Some(&Value::Integer(number))))
    }

    /// The record in a column: canonical JSON text.
    pub fn record<T: serde::de::DeserializeOwned>(&self, column: usize) -> Result<T, StoreError> {
        serde_json::from_str(self.text(column)?).map_err(|e| StoreError::unreadable_record(&e))
    }

    /// The id, digest or time in a column.
    pub fn parsed<T: std::str::FromStr<Err = cultivar_record::RecordError>>(
        &self,
        column: usize,
    ) -> Result<T, StoreError> {
        Ok(self.text(column)?.parse()?)
    }
}

macro_rules! value_from {
    ($($from:ty => |$x:ident| $make:expr;)*) => {$(
        impl From<$from> for Value {
            fn from($x: $from) -> Self {
                $make
            }
        }
    )*};
}

value_from! {
    &str => |text| Self::Text(text.to_owned());
    String => |text| Self::Text(text);
    i64 => |number| Self::Integer(number);
    u32 => |number| Self::Integer(i64::from(number));
    // Counts and leaf indices stay far below 2^63; one that did not would be stored as the largest, and refused on reading.
    u64 => |number| Self::Integer(i64::try_from(number).unwrap_or(i64::MAX));
    f64 => |number| Self::Real(number);
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// Runs statements. Parameters are written `$1`, `$2` … and each appears in this order.
pub trait Statements {
    /// Runs a statement that returns no rows; returns how many rows it changed.
    fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64, StoreError>;

    /// Runs a query.
    fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>, StoreError>;
}

/// One connection.
pub trait Connection: Send {
    /// Runs statements outside a transaction.
    fn statements(&mut self) -> &mut dyn Statements;

    /// Runs several statements of a migration, without parameters.
    fn script(&mut self, sql: &str) -> Result<(), StoreError>;

    /// Writes everything anew, so that what was deleted or replaced lies in no file. Outside a transaction.
    fn compact(&mut self) -> Result<(), StoreError>;
}

/// A database that can be connected to more than once.
pub trait Database: Send + Sync {
    /// A fresh connection.
    fn connect(&self) -> Result<Box<dyn Connection>, StoreError>;
}

/// Runs `work` between BEGIN and COMMIT; any error rolls back.
pub(crate) fn transaction<T>(
    connection: &mut dyn Connection,
    begin: &str,
    work: impl FnOnce(&mut dyn Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    connection.statements().execute(begin, &[])?;
    match work(connection) {
        Ok(result) => match connection.statements().execute("COMMIT", &[]) {
            Ok(_) => Ok(result),
            Err(error) => {
                let _ = connection.statements().execute("ROLLBACK", &[]);
                Err(error)
            }
        },
        Err(error) => {
            let _ = connection.statements().execute("ROLLBACK", &[]);
            Err(error)
        }
    }
}
