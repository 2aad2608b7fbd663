//! Chatrooms and messages that are written to the database, because thousands of them would take too
//! long through the API.

use harness::DbObserver;
use uuid::Uuid;

/// Ids sort by creation time: those of version 7.
const NEW_ID: &str = "
    CREATE OR REPLACE FUNCTION pg_temp.new_id(at timestamptz) RETURNS uuid LANGUAGE sql AS $$
        SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(md5(random()::text), 1, 3)
            || '8' || substr(md5(random()::text), 1, 15))::uuid
    $$";

/// Questions and answers in turn, a second apart.
const MESSAGES: &str = "
    INSERT INTO messages (id, chatroom_id, user_id, position, message_type, content, processing_status, attempts,
        quota_day, reply_to, generation_id, parent_generation_id, model, prompt_tokens, response_tokens, search_tokens,
        created_at, updated_at)
    SELECT ids[n], $1, user_id, n, CASE WHEN n % 2 = 1 THEN 'user' ELSE 'ai' END,
        CASE WHEN n % 2 = 1 THEN 'Question ' || n ELSE 'Answer **' || n || '** with a list:' || E'\\n\\n- one\\n- two\\n\\nThe end.' END,
        'completed', n % 2, CASE WHEN n % 2 = 1 THEN current_date END, CASE WHEN n % 2 = 0 THEN ids[n - 1] END,
        CASE WHEN n % 2 = 0 THEN ids[n - 1] END, CASE WHEN n % 2 = 1 THEN coalesce(ids[n - 2], $1) END,
        CASE WHEN n % 2 = 0 THEN 'gemini-3.5-flash-lite' END, CASE WHEN n % 2 = 0 THEN 20 END,
        CASE WHEN n % 2 = 0 THEN 40 END, '{}', now() - ($2 - n) * interval '1 second', now()
    FROM (SELECT user_id, ARRAY(SELECT pg_temp.new_id(now() - ($2 - n) * interval '1 second') FROM generate_series(1, $2) AS numbers (n)) AS ids FROM chatrooms WHERE id = $1) AS room
    CROSS JOIN generate_series(1, $2) AS numbers (n)";

const GENERATIONS: &str = "
    INSERT INTO generations (id, question_id, chatroom_id, user_id, position, status, attempts, quota_day, finish_reason,
        model, prompt_tokens, response_tokens, created_at, updated_at)
    SELECT id, id, chatroom_id, user_id, position, 'completed', 1, quota_day, 'stop', 'gemini-3.5-flash-lite', 20, 40,
        created_at, updated_at
    FROM messages WHERE chatroom_id = $1 AND message_type = 'user'";

const COUNTERS: &str = "
    UPDATE chatrooms SET message_count = $2::int, ai_response_count = $2::int / 2, last_position = $2::int, last_message_at = now()
    WHERE id = $1";

/// Fills an empty chatroom with `count` messages.
pub async fn seed_messages(db: &DbObserver, chatroom: &str, count: i32) {
    let chatroom: Uuid = chatroom.parse().unwrap();
    // The triggers are for writers of the previous release.
    db.batch(NEW_ID).await.unwrap();
    db.batch("SET session_replication_role = replica").await.unwrap();
    db.execute(MESSAGES, &[&chatroom, &count]).await.unwrap();
    db.execute(GENERATIONS, &[&chatroom]).await.unwrap();
    db.execute(COUNTERS, &[&chatroom, &count]).await.unwrap();
    db.batch("RESET session_replication_role").await.unwrap();
}

/// Adds `count` chatrooms to the account of the owner of `chatroom`.
pub async fn seed_chatrooms(db: &DbObserver, chatroom: &str, count: i32) {
    const COUNTER: &str = "
        UPDATE users SET chatroom_count = chatroom_count + $2::int WHERE id = (SELECT user_id FROM chatrooms WHERE id = $1)";
    const CHATROOMS: &str = "
        INSERT INTO chatrooms (id, user_id, name, created_at, updated_at)
        SELECT pg_temp.new_id(now() - n * interval '1 hour'), user_id, 'Room ' || n, now() - n * interval '1 hour', now()
        FROM chatrooms CROSS JOIN generate_series(1, $2) AS numbers (n) WHERE id = $1";
    let chatroom: Uuid = chatroom.parse().unwrap();
    db.batch(NEW_ID).await.unwrap();
    db.execute(CHATROOMS, &[&chatroom, &count]).await.unwrap();
    db.execute(COUNTER, &[&chatroom, &count]).await.unwrap();
}
