//! Charging the calls of killed workers.

use std::time::Duration;

use domain::UserId;
use domain::spending::{CapScope, Cost, SpendCaps};
use store::Transaction;
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
    reserve_within(app, CAPS, id, user, micro_usd).await
}

async fn reserve_within(app: &TestApp, caps: SpendCaps, id: Uuid, user: UserId, micro_usd: i64) -> Reserved {
    let reservation = new_reservation(app, id, user, micro_usd);
    spending::reserve(&app.app.db().await.unwrap(), reservation, caps).await.unwrap()
}

fn new_reservation(app: &TestApp, id: Uuid, user: UserId, micro_usd: i64) -> NewReservation {
    let now = app.app.clock.now();
    NewReservation { id, user, day: now.date_naive(), micro_usd, expires_at: now + MINUTE }
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

#[tokio::test]
async fn lower_cap_keeps_the_mark_of_a_higher_cap() {
    let app = start().await;
    let user = app.user().await.id;
    for cap in [1_000, 500] {
        for caps in
            [SpendCaps { user: Some(cap), service: None }, SpendCaps { user: None, service: Some(cap) }]
        {
            let refused = reserve_within(&app, caps, Uuid::new_v4(), user, cap + 1).await;
            assert!(matches!(refused, Reserved::CapReached(_)), "{refused:?}");
        }
    }
    let marks: Vec<i64> = app
        .query_value(
            "SELECT ARRAY[d.reached_cap_micro_usd, s.reached_cap_micro_usd] FROM daily_usage d, service_spending s",
        )
        .await;
    assert_eq!(marks, [1_000, 1_000]);
}

/// Commits as soon as another transaction waits for this one.
async fn commit_once_waited_for(app: &TestApp, transaction: Transaction<'_>) {
    let id: i32 = transaction.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
    let waits = format!("SELECT EXISTS (SELECT FROM pg_locks WHERE {id} = ANY (pg_blocking_pids(pid)))");
    let wait = async { while !app.query_value::<bool>(&waits).await {} };
    tokio::time::timeout(Duration::from_mins(2), wait).await.expect("no transaction waits");
    transaction.commit().await.unwrap();
}

#[tokio::test]
async fn concurrent_reservations_never_exceed_a_cap_together() {
    let (of_user, of_service) =
        (SpendCaps { user: Some(1_000), service: None }, SpendCaps { user: None, service: Some(1_000) });
    for (caps, scope, is_first_of_day) in [
        (of_user, CapScope::User, false),
        (of_user, CapScope::User, true),
        (of_service, CapScope::Service, false),
        (of_service, CapScope::Service, true),
    ] {
        let app = start().await;
        let one = app.user().await.id;
        let other = if scope == CapScope::User { one } else { app.user().await.id };
        if !is_first_of_day {
            let _ = reserve_within(&app, caps, Uuid::new_v4(), one, 1).await;
        }
        let mut db = app.app.db().await.unwrap();
        let first = db.transaction().await.unwrap();
        let reserved = spending::reserve(&first, new_reservation(&app, Uuid::new_v4(), one, 600), caps).await;
        assert_eq!(reserved.unwrap(), Reserved::Granted);
        let second = reserve_within(&app, caps, Uuid::new_v4(), other, 600);
        let (second, ()) = tokio::join!(second, commit_once_waited_for(&app, first));
        assert_eq!(second, Reserved::Busy(scope));
    }
}

#[tokio::test]
async fn reservation_replaces_the_earlier_one_of_the_same_call() {
    let app = start().await;
    let (user, id) = (app.user().await.id, Uuid::new_v4());
    for amount in [400, 900] {
        assert_eq!(reserve(&app, id, user, amount).await, Reserved::Granted);
        assert_eq!(sums(&app).await, [0, amount, 0, amount]);
    }
    // Also after the sweeper has charged the earlier one. The new one is charged in its turn.
    for (earlier, amount) in [(900, 950), (950, 800)] {
        app.advance(MINUTE);
        assert_eq!(sweep(&app.app).await.unwrap().charged, 1);
        assert_eq!(sums(&app).await, [earlier, 0, earlier, 0]);
        assert_eq!(reserve(&app, id, user, amount).await, Reserved::Granted);
        assert_eq!(sweep(&app.app).await.unwrap().charged, 0, "the new call may still be under way");
        assert_eq!(sums(&app).await, [0, amount, 0, amount]);
    }
}

#[tokio::test]
async fn reservation_waits_for_the_sweep_that_charges_the_earlier_one() {
    let app = start().await;
    let (user, id) = (app.user().await.id, Uuid::new_v4());
    let _ = reserve(&app, id, user, 400).await;
    app.advance(MINUTE);
    let mut db = app.app.db().await.unwrap();
    let charge = db.transaction().await.unwrap();
    assert!(spending::charge_expired(&charge, app.app.clock.now()).await.unwrap().is_some());
    let (second, ()) = tokio::join!(reserve(&app, id, user, 500), commit_once_waited_for(&app, charge));
    assert_eq!(second, Reserved::Granted);
    assert_eq!(sums(&app).await, [0, 500, 0, 500]);
}

#[tokio::test]
async fn call_counts_for_the_service_as_its_last_reservation_says() {
    let app = start().await;
    let (user, id) = (app.user().await.id, Uuid::new_v4());
    let of_user = SpendCaps { service: None, ..CAPS };
    for (caps, expected) in [(CAPS, [0, 400, 0, 400]), (of_user, [0, 400, 0, 0]), (CAPS, [0, 400, 0, 400])] {
        assert_eq!(reserve_within(&app, caps, id, user, 400).await, Reserved::Granted);
        assert_eq!(sums(&app).await, expected);
    }
    app.advance(MINUTE);
    let _ = sweep(&app.app).await.unwrap();
    assert_eq!(sums(&app).await, [400, 0, 400, 0]);
}

/// Rolls back as soon as two others wait for this transaction, or one for it and one for that one.
async fn roll_back_once_two_wait(app: &TestApp, transaction: Transaction<'_>) {
    let id: i32 = transaction.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
    let waits = format!(
        "WITH first AS (SELECT array_agg(pid) AS pids FROM pg_stat_activity WHERE {id} = ANY (pg_blocking_pids(pid)))
        SELECT count(*) >= 2 FROM pg_stat_activity, first WHERE pg_blocking_pids(pid) && (first.pids || {id})"
    );
    let wait = async { while !app.query_value::<bool>(&waits).await {} };
    tokio::time::timeout(Duration::from_mins(2), wait).await.expect("no two transactions wait");
    transaction.rollback().await.unwrap();
}

/// Reserves 600 for `users` under the ids. The first one finds the row that `first_row` inserts, which
/// another transaction has inserted before it commits; the second one comes before the first has ended,
/// because both wait for the lock that `lock` takes.
async fn reserve_on_the_first_row_of_the_day(
    app: &TestApp,
    users: [UserId; 2],
    ids: [Uuid; 2],
    [first_row, lock]: [&str; 2],
) -> [Reserved; 2] {
    let (mut first, mut locking) = (app.app.db().await.unwrap(), app.app.db().await.unwrap());
    let (first, locking) = (first.transaction().await.unwrap(), locking.transaction().await.unwrap());
    first.batch_execute(first_row).await.unwrap();
    locking.batch_execute(lock).await.unwrap();
    let ([one, two], [id_of_one, id_of_two]) = (users, ids);
    let second = async {
        commit_once_waited_for(app, first).await;
        reserve(app, id_of_two, two, 600).await
    };
    let both = async { tokio::join!(reserve(app, id_of_one, one, 600), second) };
    let ((of_one, of_two), ()) = tokio::join!(both, roll_back_once_two_wait(app, locking));
    [of_one, of_two]
}

#[tokio::test]
async fn reservation_locks_the_users_row_that_another_has_just_inserted() {
    let app = start().await;
    let (user, day) = (app.user().await.id, app.app.clock.now().date_naive());
    app.execute(&format!("INSERT INTO service_spending (day) VALUES ('{day}')")).await;
    let first_row = format!("INSERT INTO daily_usage (user_id, day) VALUES ('{}', '{day}')", user.0);
    let statements = [first_row.as_str(), "SELECT FROM service_spending FOR UPDATE"];
    let ids = [Uuid::new_v4(), Uuid::new_v4()];
    let mut reserved = reserve_on_the_first_row_of_the_day(&app, [user, user], ids, statements).await;
    reserved.sort_by_key(|outcome| *outcome != Reserved::Granted);
    assert_eq!(reserved, [Reserved::Granted, Reserved::Busy(CapScope::User)]);
}

#[tokio::test]
async fn reservation_locks_the_services_row_that_another_has_just_inserted() {
    let app = start().await;
    let users = [app.user().await.id, app.user().await.id];
    let (ids, day) = ([Uuid::new_v4(), Uuid::new_v4()], app.app.clock.now().date_naive());
    app.execute(&format!("INSERT INTO daily_usage (user_id, day) SELECT id, '{day}' FROM users")).await;
    let first_row = format!("INSERT INTO service_spending (day) VALUES ('{day}')");
    // Both wait for the end of a transaction that has inserted their ids.
    let lock = format!(
        "INSERT INTO spending_reservations (id, day, micro_usd, counts_for_service, expires_at)
         SELECT unnest(ARRAY['{}', '{}']::uuid[]), '{day}', 1, false, now()",
        ids[0], ids[1],
    );
    let mut reserved = reserve_on_the_first_row_of_the_day(&app, users, ids, [&first_row, &lock]).await;
    reserved.sort_by_key(|outcome| *outcome != Reserved::Granted);
    assert_eq!(reserved, [Reserved::Granted, Reserved::Busy(CapScope::Service)]);
}
