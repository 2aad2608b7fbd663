//! Pending messages to invoke the worker with.

use std::cell::RefCell;

use anyhow::{Context as _, Result};
use futures::future::try_join_all;
use harness::{TestEnvironment, TestUser};
use serde_json::Value;
use uuid::Uuid;

/// Events for the worker, each of which can be used once.
pub(crate) struct MessageFixtures(RefCell<Vec<Value>>);

impl MessageFixtures {
    /// Creates `events` with `batch_size` messages each. Every message is in its own chatroom and has a unique text. The messages
    /// of one event belong to different users. They are inserted into Postgres and not sent to the queue, so that no other
    /// process answers them.
    pub(crate) async fn create(
        environment: &TestEnvironment,
        batch_size: usize,
        events: usize,
    ) -> Result<Self> {
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
        let users = (0..batch_size).map(|_| async {
            let user = TestUser::sign_up(environment).await?;
            let rows = environment.db.query(SQL, &[&user.number, &rows_per_user]).await?;
            anyhow::Ok(rows.iter().map(|row| row.get(0)).collect::<Vec<Uuid>>())
        });
        let ids = try_join_all(users).await?;
        let event = |number: usize| {
            environment
                .delivery_of(&ids.iter().filter_map(|ids| ids.get(number).copied()).collect::<Vec<_>>())
        };
        Ok(Self(RefCell::new((0..events).map(event).collect::<Result<_>>()?)))
    }

    /// The next unused event.
    pub(crate) fn take(&self) -> Result<Value> {
        self.0.borrow_mut().pop().context("all message fixtures are used")
    }
}
