//! Messages that wait for the worker, to be handed to it by us.

use std::cell::RefCell;

use anyhow::{Context as _, Result};
use futures::future::try_join_all;
use harness::TestEnvironment;
use harness::TestUser;
use serde_json::Value;
use uuid::Uuid;

/// Events for the worker, none of which was handed over yet.
pub(super) struct Stock(RefCell<Vec<Value>>);

impl Stock {
    /// So many `events` with so many `messages` each: of as many people, each alone in a room of its own, with a text that no
    /// other has. They are what sending them leaves in the database, and are put there past the queue, for nobody else is to
    /// be told of them.
    pub(super) async fn lay_in(world: &TestEnvironment, messages: usize, events: usize) -> Result<Self> {
        const SQL: &str = "
            WITH rooms AS (
                INSERT INTO chatrooms (id, user_id, name, message_count, last_position, last_message_at, created_at, updated_at)
                SELECT gen_random_uuid(), users.id, 'A room', 1, 1, now(), now(), now()
                FROM users, generate_series(1, $2::bigint) WHERE mobile_number = $1
                RETURNING id, user_id
            )
            INSERT INTO messages (id, chatroom_id, user_id, position, message_type, content, processing_status, quota_day,
                sweep_at, created_at, updated_at)
            SELECT gen_random_uuid(), id, user_id, 1, 'user', 'What is a lease good for in ' || id || '?', 'pending',
                current_date, now() + interval '1 hour', now(), now()
            FROM rooms
            RETURNING id";
        let events_wanted = i64::try_from(events)?;
        let of_each = (0..messages).map(|_| async {
            let person = TestUser::sign_up(world).await?;
            let rows = world.db.query(SQL, &[&person.number, &events_wanted]).await?;
            anyhow::Ok(rows.iter().map(|row| row.get(0)).collect::<Vec<Uuid>>())
        });
        let of_each = try_join_all(of_each).await?;
        let event = |number: usize| {
            let ids: Vec<Uuid> = of_each.iter().filter_map(|ids| ids.get(number).copied()).collect();
            world.delivery_of(&ids)
        };
        Ok(Self(RefCell::new((0..events).map(event).collect::<Result<_>>()?)))
    }

    /// One that was not handed over yet.
    ///
    /// # Errors
    /// When there is none left.
    pub(super) fn take(&self) -> Result<Value> {
        self.0.borrow_mut().pop().context("the stock of messages is used up")
    }
}
