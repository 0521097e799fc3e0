//! What can be wrong with terms, policies and questions. A refusal is no error: it is a verdict.

use cultivar_record::RecordError;
use miette::Diagnostic;
use thiserror::Error;

/// Terms that cannot be read, policies that cannot be trusted, or a question that could not be answered.
#[derive(Debug, Clone, PartialEq, Eq, Error, Diagnostic)]
pub enum PolicyError {
    /// The register is no TOML of the expected shape.
    #[error("the terms register cannot be read: {reason}")]
    #[diagnostic(
        code("policy::register_unreadable"),
        help(
            "begin with `schema_version = 1` and write each row as a table `[licence.<key>]`, as the shipped register does"
        )
    )]
    RegisterUnreadable {
        /// What the reader said.
        reason: String,
    },
    /// A row lacks a field or has a value that is none of the allowed ones.
    #[error("row `{row}` of the terms register: {reason}")]
    #[diagnostic(
        code("policy::row_malformed"),
        help(
            "a row needs name, kind, party, effective, observed, source and confidence (high, medium or low); \
             facts are yes, no, conditional, silent or unknown"
        )
    )]
    RowMalformed {
        /// The row's key.
        row: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Two registers have a row of the same key.
    #[error("row `{row}` is in both registers")]
    #[diagnostic(
        code("policy::row_duplicate"),
        help("give the local row a key of its own: a shipped row is never changed silently")
    )]
    RowDuplicate {
        /// The row's key.
        row: String,
    },
    /// The schema is no Cedar schema.
    #[error("the policy schema cannot be read: {reason}")]
    #[diagnostic(
        code("policy::schema_unreadable"),
        help("check it with `cedar check-parse --schema <file>`")
    )]
    SchemaUnreadable {
        /// What Cedar said.
        reason: String,
    },
    /// A policy file is not Cedar, does not fit the schema, or lacks an annotation.
    #[error("policy file `{file}`: {reason}")]
    #[diagnostic(
        code("policy::policy_refused"),
        help(
            "each policy needs @id, @fact (a column of the register, or `none`), @source (whose rule it is) and @advice, and must \
             pass strict validation against the schema: `cultivar policy check`"
        )
    )]
    PolicyRefused {
        /// The file's name.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A pack of an organisation holds a policy that permits.
    #[error("pack `{file}`: the policy `{policy}` permits")]
    #[diagnostic(
        code("policy::pack_loosens"),
        help(
            "a pack may only tighten: write it as `forbid(…) unless {{ … }}`; what the terms do not permit, a signed grant waives"
        )
    )]
    PackLoosens {
        /// The file's name.
        file: String,
        /// The policy's id.
        policy: String,
    },
    /// A literate case cannot be read.
    #[error("case `{case}`: {reason}")]
    #[diagnostic(
        code("policy::case_unreadable"),
        help(
            "a case has a title (`# …`), a table of the request that begins with `| Request |`, the answer as `**permit**` or `**forbid**`, \
             and a table of the reasons that begins with `| Policy |`; advice may be quoted with `> `"
        )
    )]
    CaseUnreadable {
        /// The case's name.
        case: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Two policies have the same id.
    #[error("two policies are called `{policy}`")]
    #[diagnostic(code("policy::policy_duplicate"), help("give each policy an `@id` of its own"))]
    PolicyDuplicate {
        /// The id.
        policy: String,
    },
    /// A policy failed while it was evaluated. Nothing is permitted then.
    #[error("the question could not be answered: {reason}")]
    #[diagnostic(
        code("policy::undecided"),
        help("this is a bug in the policies or in the program: nothing was permitted; please report it")
    )]
    Undecided {
        /// What Cedar said.
        reason: String,
    },
    /// A row of terms has no digest.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Record(#[from] RecordError),
}
