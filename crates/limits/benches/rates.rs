//! What one call pays for its limits: `cargo bench -p cultivar-limits --bench rates`.

use cultivar_limits::rates::{Estimate, HolderId, Limits};
use cultivar_record::{
    ApiKeyId, Budget, BudgetPeriod, Limit, MicroUsd, OrganizationId, ProjectId, Timestamp, TokenCount,
};
use divan::{Bencher, black_box};

/// As many holders as a call can have: its key, its project, its organisation.
const HOLDERS: [usize; 4] = [0, 1, 2, 3];
const ESTIMATE: Estimate = Estimate {
    tokens: TokenCount::new(1_000),
    cost: MicroUsd::new(500),
};

fn main() {
    divan::main();
}

/// Everything limited, and nothing ever reached.
fn limit() -> Limit {
    Limit {
        requests_per_minute: Some(u64::MAX),
        tokens_per_minute: Some(u64::MAX),
        budget: Some(Budget {
            amount: MicroUsd::new(i64::MAX),
            period: BudgetPeriod::Month,
            alert_at_percent: vec![50, 80, 100],
        }),
    }
}

fn holders(limit: &Limit) -> [(HolderId, &Limit); 3] {
    let (epoch, random) = (Timestamp::from_micros(0), [7; 32]);
    [
        (HolderId::ApiKey(ApiKeyId::from_parts(epoch, &random)), limit),
        (HolderId::Project(ProjectId::from_parts(epoch, &random)), limit),
        (
            HolderId::Organization(OrganizationId::from_parts(epoch, &random)),
            limit,
        ),
    ]
}

fn now() -> Timestamp {
    Timestamp::from_micros(1_795_519_028_000_000)
}

#[divan::bench(args = HOLDERS)]
fn reserve_and_settle(bencher: Bencher<'_, '_>, count: usize) {
    let (limits, limit) = (Limits::new(), limit());
    let holders = holders(&limit);
    let holders = holders.get(..count).unwrap_or_default();
    bencher.bench(|| {
        let reserved = limits.reserve(black_box(holders), ESTIMATE, now());
        reserved.map(|reservation| reservation.settle(TokenCount::new(900), MicroUsd::new(450), now()))
    });
}

/// Two threads at the same three holders: the worst that can be.
#[divan::bench(threads = 2)]
fn reserve_and_settle_contended(bencher: Bencher<'_, '_>) {
    let (limits, limit) = (Limits::new(), limit());
    let holders = holders(&limit);
    bencher.bench(|| {
        let reserved = limits.reserve(black_box(&holders), ESTIMATE, now());
        reserved.map(|reservation| reservation.settle(TokenCount::new(900), MicroUsd::new(450), now()))
    });
}

/// The numbers of the `x-ratelimit-*` headers.
#[divan::bench]
fn state(bencher: Bencher<'_, '_>) {
    let (limits, limit) = (Limits::new(), limit());
    let reserved = limits.reserve(&holders(&limit), ESTIMATE, now());
    bencher.bench(|| reserved.as_ref().map(|reservation| black_box(reservation).state()));
}
