//! Events for the worker, with pending messages.

use std::cell::RefCell;

use anyhow::{Context as _, Result};
use futures::future::try_join_all;
use harness::{TestEnvironment, TestUser};
use serde_json::Value;
use uuid::Uuid;

/// Creates `events` with `size` messages each, and returns a function that takes the next one.
///
/// Every message is in its own chatroom and has a unique text. The messages of one event belong to
/// different users. They are inserted into Postgres and not sent to the queue, so that no other
/// process answers them.
pub(crate) async fn create(
    environment: &TestEnvironment,
    size: usize,
    events: usize,
) -> Result<impl Fn() -> Result<Value> + use<>> {
    const SQL: &str = "
        WITH rooms AS (
            INSERT INTO chatrooms (id, user_id, name, message_count, last_position, last_message_at, created_at, updated_at)
            SELECT gen_random_uuid(), users.id, 'A chatroom', 1, 1, now(), now(), now()
            FROM users, generate_series(1, $2::bigint) WHERE mobile_number = $1
            RETURNING id, user_id
        )
        INSERT INTO messages (id, chatroom_id, user_id, position, message_type, content, processing_status, quota_day,
            sweep_at, created_at, updated_at)
        SELECT gen_random_uuid(), id, user_id, 1, 'user', 'What is a lease good for in ' || id || '?', 'pending',
            current_date, now() + interval '1 hour', now(), now()
        FROM rooms
        RETURNING id";
    let rows_per_user = i64::try_from(events)?;
    let users = (0..size).map(|_| async {
        let user = TestUser::sign_up(environment).await?;
        let rows = environment.db.query(SQL, &[&user.number, &rows_per_user]).await?;
        anyhow::Ok(rows.iter().map(|row| row.get(0)).collect::<Vec<Uuid>>())
    });
    let ids = try_join_all(users).await?;
    let event = |number: usize| {
        let ids: Vec<Uuid> = ids.iter().filter_map(|ids| ids.get(number).copied()).collect();
        environment.delivery_of(&ids)
    };
    let unused = RefCell::new((0..events).map(event).collect::<Result<Vec<Value>>>()?);
    Ok(move || unused.borrow_mut().pop().context("all events for the worker are used"))
}
