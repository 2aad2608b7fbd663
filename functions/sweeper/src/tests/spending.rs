//! Charging the calls of killed workers.

use std::time::Duration;

use domain::UserId;
use domain::spending::{Cost, SpendCaps};
use store::generations::processing::Tokens;
use store::spending::{self, NewReservation, Reserved};
use testkit::TestApp;
use uuid::Uuid;

use super::start;
use crate::{SweepSummary, sweep};

const CAPS: SpendCaps = SpendCaps { user: Some(1_000), service: Some(1_000) };
const MINUTE: Duration = Duration::from_mins(1);

/// Reserves an amount for a call that ends within a minute.
async fn reserve(app: &TestApp, id: Uuid, user: UserId, micro_usd: i64) -> Reserved {
    let now = app.app.clock.now();
    let reservation = NewReservation { id, user, day: now.date_naive(), micro_usd, expires_at: now + MINUTE };
    spending::reserve(&app.app.db().await.unwrap(), reservation, CAPS).await.unwrap()
}

/// The cost and what is reserved: of the user, and of the service.
async fn sums(app: &TestApp) -> Vec<i64> {
    app.query_value(
        "SELECT ARRAY[d.cost_micro_usd, d.reserved_micro_usd, s.cost_micro_usd, s.reserved_micro_usd]
         FROM daily_usage d, service_spending s",
    )
    .await
}

#[tokio::test]
async fn call_of_a_killed_worker_costs_what_was_reserved() {
    let app = start().await;
    let user = app.user().await.id;
    assert_eq!(reserve(&app, Uuid::new_v4(), user, 400).await, Reserved::Granted);
    assert_eq!(sums(&app).await, [0, 400, 0, 400]);
    assert_eq!(sweep(&app.app).await.unwrap().charged, 0, "the call may still be under way");
    app.advance(MINUTE);
    assert_eq!(sweep(&app.app).await.unwrap(), SweepSummary { charged: 1, ..SweepSummary::default() });
    assert_eq!(sums(&app).await, [400, 0, 400, 0]);
    assert_eq!(sweep(&app.app).await.unwrap().charged, 0);
    app.advance(Duration::from_hours(24));
    let _ = sweep(&app.app).await.unwrap();
    assert_eq!(app.query_value::<i64>("SELECT count(*) FROM spending_reservations").await, 0);
    assert_eq!(sums(&app).await, [400, 0, 400, 0]);
}

#[tokio::test]
async fn late_worker_corrects_the_charge() {
    let app = start().await;
    let (user, id) = (app.user().await.id, Uuid::new_v4());
    let _ = reserve(&app, id, user, 400).await;
    app.advance(MINUTE);
    let _ = sweep(&app.app).await.unwrap();
    let (db, day) = (app.app.db().await.unwrap(), app.app.clock.now().date_naive());
    let tokens = Tokens { cost: Cost { micro_usd: 30, is_unpriced: false }, ..Tokens::default() };
    for expected in [[30, 0, 30, 0], [60, 0, 30, 0]] {
        // The second one has no reservation to replace.
        spending::settle(&db, id, user, day, tokens).await.unwrap();
        assert_eq!(sums(&app).await, expected);
    }
}

#[tokio::test]
async fn call_of_a_deleted_account_still_counts_for_the_service() {
    let app = start().await;
    let user = app.user().await.id;
    let _ = reserve(&app, Uuid::new_v4(), user, 400).await;
    app.execute("DELETE FROM users").await;
    app.advance(MINUTE);
    assert_eq!(sweep(&app.app).await.unwrap().charged, 1);
    let sums: Vec<i64> =
        app.query_value("SELECT ARRAY[cost_micro_usd, reserved_micro_usd] FROM service_spending").await;
    assert_eq!(sums, [400, 0]);
}

#[tokio::test]
async fn concurrent_sweeps_charge_each_call_once() {
    let app = start().await;
    let (one, two) = (app.user().await.id, app.user().await.id);
    for number in 0..20 {
        let user = if number % 2 == 0 { one } else { two };
        assert_eq!(reserve(&app, Uuid::new_v4(), user, 10).await, Reserved::Granted);
    }
    app.advance(MINUTE);
    let sweeps = futures::future::join_all((0..4).map(|_| crate::spending::charge_expired(&app.app))).await;
    assert_eq!(sweeps.into_iter().map(Result::unwrap).sum::<usize>(), 20);
    let total = "SELECT (SELECT sum(cost_micro_usd) FROM daily_usage)::bigint * 1000 + cost_micro_usd FROM service_spending";
    assert_eq!(app.query_value::<i64>(total).await, 200_200);
}
