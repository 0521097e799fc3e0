//! Why a statement or a signature does not count. Each is said where it is handed in, and where somebody asks what is missing.

use cultivar_record::{MemberRole, RecordError, Timestamp};
use miette::Diagnostic;
use thiserror::Error;

/// Why something that people signed opens nothing.
#[derive(Clone, Debug, PartialEq, Eq, Error, Diagnostic)]
pub enum AttestError {
    /// A key is none.
    #[error("the key cannot be read: {reason}")]
    #[diagnostic(
        code("attest::key_unreadable"),
        help(
            "an Ed25519 key is needed: a PEM file as `cultivar member key` writes it, or the 32 bytes of the public key in base64"
        )
    )]
    KeyUnreadable {
        /// What is wrong.
        reason: &'static str,
    },
    /// A signature is none, or is not of this statement.
    #[error("the signature does not hold over this statement")]
    #[diagnostic(
        code("attest::signature_wrong"),
        help("sign the statement as it was printed, byte for byte: `cultivar approval sign` or `cultivar grant sign`")
    )]
    SignatureWrong,
    /// Nobody is known by this key.
    #[error("no member of the organisation has the key `{key}`")]
    #[diagnostic(
        code("attest::unknown_signer"),
        help("register it first: `cultivar member key NAME --org ORG --public KEY`")
    )]
    UnknownSigner {
        /// The public key.
        key: String,
    },
    /// The signer has left.
    #[error("`{name}` left the organisation on {at}: the signature does not count")]
    #[diagnostic(
        code("attest::signer_removed"),
        help("have another member sign; what a removed member signed opens nothing, also what was signed before")
    )]
    SignerRemoved {
        /// Who.
        name: String,
        /// When.
        at: Timestamp,
    },
    /// The key was replaced before the signature came.
    #[error("the key of `{name}` was replaced on {at}, before this signature came")]
    #[diagnostic(code("attest::key_replaced"), help("sign again with the key that is in force"))]
    KeyReplaced {
        /// Whose.
        name: String,
        /// When.
        at: Timestamp,
    },
    /// The key was lost, or its owner left meanwhile.
    #[error("what `{name}` signed with this key counts no longer, since {at}")]
    #[diagnostic(code("attest::key_void"), help("sign again with the key that is in force"))]
    KeyVoid {
        /// Whose.
        name: String,
        /// Since when.
        at: Timestamp,
    },
    /// The signer has none of the roles that sign.
    #[error("`{name}` has no role that signs")]
    #[diagnostic(
        code("attest::signer_lacks_role"),
        help("owner, approver, legal, privacy and safety sign: `cultivar member add NAME --org ORG --role ROLE`")
    )]
    SignerLacksRole {
        /// Who.
        name: String,
    },
    /// Who asked has signed.
    #[error("`{name}` asked for this approval and cannot give it")]
    #[diagnostic(code("attest::requester_signs"), help("have other members sign"))]
    RequesterSigns {
        /// Who.
        name: String,
    },
    /// The same signature, or another of the same person, is there already.
    #[error("`{name}` has signed this statement already")]
    #[diagnostic(
        code("attest::replayed"),
        help("a person counts once: have another member sign, or ask for a new statement")
    )]
    Replayed {
        /// Who.
        name: String,
    },
    /// Another statement was signed under this id.
    #[error("another statement has the id `{id}`")]
    #[diagnostic(
        code("attest::other_statement"),
        help(
            "sign the statement that `cultivar approval show ID` or `cultivar grant show ID` prints, or ask for a new one"
        )
    )]
    OtherStatement {
        /// The id.
        id: String,
    },
    /// It was withdrawn.
    #[error("it was withdrawn on {at} by {by}")]
    #[diagnostic(
        code("attest::withdrawn"),
        help("what was withdrawn never comes back: ask for a new statement and have it signed")
    )]
    Withdrawn {
        /// When.
        at: Timestamp,
        /// By whom.
        by: String,
    },
    /// Its time is over.
    #[error("it expired on {at}")]
    #[diagnostic(code("attest::expired"), help("ask for a new statement and have it signed"))]
    Expired {
        /// When.
        at: Timestamp,
    },
    /// It would hold for longer than the market's rule lets it.
    #[error("it would hold for longer than the {days} days that the market's rule lets it")]
    #[diagnostic(
        code("attest::too_long"),
        help("ask for a statement that expires earlier: `--expires TIME`")
    )]
    TooLong {
        /// The most.
        days: u32,
    },
    /// What answers is not what was signed.
    #[error("what answers now is not the model that was signed")]
    #[diagnostic(
        code("attest::subject_changed"),
        help("have the version that answers now approved: `cultivar approval request MODEL --market MARKET`")
    )]
    SubjectChanged,
    /// The evidence is not what was signed.
    #[error("the evidence is not what it was when this was signed")]
    #[diagnostic(
        code("attest::evidence_changed"),
        help("see `cultivar evidence show`, and have a new statement signed over the evidence that is there now")
    )]
    EvidenceChanged,
    /// The policies are not those that were signed.
    #[error("the policies in force are not those that were signed")]
    #[diagnostic(
        code("attest::policies_changed"),
        help("have a new statement signed under the policies that are in force now")
    )]
    PoliciesChanged,
    /// The statement is of a version or an organisation that is not ours.
    #[error("the statement is not one of this organisation: {reason}")]
    #[diagnostic(
        code("attest::foreign_statement"),
        help("ask for a statement here: `cultivar approval request`")
    )]
    ForeignStatement {
        /// What is wrong.
        reason: &'static str,
    },
    /// Mandatory evidence is missing.
    #[error("the evidence `{key}` is missing: {name}")]
    #[diagnostic(
        code("attest::evidence_missing"),
        help("hand it in: `cultivar evidence set ITEM=FILE --model MODEL --market MARKET --by WHO`")
    )]
    EvidenceMissing {
        /// The item.
        key: String,
        /// What it is.
        name: String,
    },
    /// A measured share is not what the market asks for.
    #[error("the evidence `{key}` does not suffice: {found} was measured, {bound} is asked for")]
    #[diagnostic(
        code("attest::evidence_insufficient"),
        help("mend the model and measure again; the threshold and its source stand in `cultivar evidence show`")
    )]
    EvidenceInsufficient {
        /// The item.
        key: String,
        /// What was measured, in percent.
        found: String,
        /// What is asked for, in percent.
        bound: String,
    },
    /// Too few people signed.
    #[error("{have} of {need} people have signed")]
    #[diagnostic(
        code("attest::too_few_people"),
        help("have other members sign: `cultivar approval sign ID --key FILE` or `cultivar grant sign ID --key FILE`")
    )]
    TooFewPeople {
        /// How many signatures count.
        have: usize,
        /// How many are needed.
        need: usize,
    },
    /// Nobody with a role that is needed signed.
    #[error("nobody with the role `{role}` has signed")]
    #[diagnostic(code("attest::role_missing"), help("have a member with this role sign"))]
    RoleMissing {
        /// The role.
        role: MemberRole,
    },
    /// A checklist is no TOML of the expected shape.
    #[error("the checklists of evidence cannot be read: {reason}")]
    #[diagnostic(
        code("attest::checklist_unreadable"),
        help("begin with `schema_version = 1` and write each item as `[[market.EU]]` with key, name and source")
    )]
    ChecklistUnreadable {
        /// What the reader said.
        reason: String,
    },
    /// A statement has no canonical bytes.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Record(#[from] RecordError),
}
