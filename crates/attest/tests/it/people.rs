//! An organisation of four people with keys.

use cultivar_attest::{SecretKey, Statement, take_signature};
use cultivar_record::{Member, MemberId, MemberKey, MemberRole, MemberSignature, OrganizationId, Timestamp};

pub(crate) const DAY: i64 = 24 * 60 * 60 * 1_000_000;

/// Some day, at its beginning.
pub(crate) fn day(count: i64) -> Timestamp {
    Timestamp::from_micros(1_767_225_600_000_000 + count * DAY)
}

pub(crate) fn organization(number: u8) -> OrganizationId {
    OrganizationId::from_parts(day(0), &[number; 32])
}

pub(crate) fn key(number: u8) -> SecretKey {
    SecretKey::from_seed(&[number; 32])
}

pub(crate) fn member(number: u8, name: &str, roles: &[MemberRole]) -> Member {
    Member {
        id: MemberId::from_parts(day(0), &[number; 32]),
        organization: organization(0),
        name: name.to_owned(),
        roles: roles.to_vec(),
        created_at: day(0),
        removed_at: None,
        keys: vec![MemberKey {
            public: key(number).public(),
            from: day(0),
            until: None,
            void_since: None,
        }],
    }
}

/// Who asks, two who sign, an auditor.
pub(crate) fn people() -> Vec<Member> {
    vec![
        member(1, "Ruth Requester", &[MemberRole::Owner]),
        member(2, "Lee Legal", &[MemberRole::Legal]),
        member(3, "Sam Safety", &[MemberRole::Safety]),
        member(4, "Aud Auditor", &[MemberRole::Auditor, MemberRole::Administrator]),
    ]
}

/// The signatures of these people, taken on the first day.
pub(crate) fn signed<S: Statement>(statement: &S, numbers: &[u8], members: &[Member]) -> Vec<MemberSignature> {
    let mut taken = Vec::new();
    for number in numbers {
        let key = key(*number);
        let (public, signature) = (key.public(), key.sign(statement).unwrap());
        taken.push(take_signature(statement, &taken, members, (&public, &signature), day(1)).unwrap());
    }
    taken
}
