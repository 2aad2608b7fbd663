-- The data of `cargo dev bench growth`. Each step begins with a line of two slashes and its name. `:name` is replaced with a
-- number of rows or an id.
--
-- Messages are pairs of a question and its answer. Every tenth pair is in the largest chatroom, the others in the chatrooms of
-- the talkers, five at a time in each. So the messages of a chatroom are scattered over the table, as in production.

//names
-- The n-th id of a kind, and its creation time: three seconds after the previous one, the last one recently.
CREATE FUNCTION pg_temp.id(kind integer, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex(:begin_ms + n * 3000), 12, '0') || '7' || lpad(to_hex(kind), 3, '0') || '8' || lpad(to_hex(n), 15, '0'))::uuid
$$;
CREATE FUNCTION pg_temp.at(n bigint) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$
    SELECT to_timestamp((:begin_ms + n * 3000) / 1000.0)
$$;
CREATE FUNCTION pg_temp.text(n bigint) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN n % 2 = 1
        THEN 'What has lease ' || n % 997 || ' to do with topic ' || n % 100003 || ', and who takes it after ' || n % 61 || ' minutes?'
        ELSE 'It is held for ' || n % 61 || ' minutes by worker ' || n % 499 || '; a client that asks for topic ' || n % 100003
            || ' after that is answered by the next one, which finds what was said before in the room and goes on from there.'
    END
$$;
-- The search tokens of a word, as `domain::search::tokens` computes them: FNV-1a hashes of the word and of its prefixes.
CREATE FUNCTION pg_temp.hash(content text) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    hash bigint := 2166136261;
    bytes bytea := convert_to(content, 'UTF8');
BEGIN
    FOR place IN 0 .. length(bytes) - 1 LOOP
        hash := ((hash # get_byte(bytes, place)) * 16777619) & 4294967295;
    END LOOP;
    RETURN CASE WHEN hash >= 2147483648 THEN hash - 4294967296 ELSE hash END;
END
$$;
CREATE FUNCTION pg_temp.tokens(words text) RETURNS integer[] LANGUAGE sql IMMUTABLE AS $$
    SELECT array_agg(DISTINCT token) FROM regexp_split_to_table(lower(words), '[^a-z0-9]+') AS split (word)
    CROSS JOIN LATERAL (
        SELECT pg_temp.hash('w' || word) AS token
        UNION ALL
        SELECT pg_temp.hash('p' || left(word, size)) FROM unnest(ARRAY[2, 3, 5, 8]) AS sizes (size)
        WHERE size <= length(word)
    ) AS tokens
    WHERE word <> ''
$$;
-- The tokens of the words in all questions, in all answers, and of each number.
CREATE TEMP TABLE word_tokens AS
SELECT pg_temp.tokens('What has lease to do with topic and who takes it after minutes') AS question,
    pg_temp.tokens('It is held for minutes by worker a client that asks for topic after that is answered by the next one which finds what was '
        'said before in the room and goes on from there') AS answer,
    pg_temp.tokens('A needle') AS needle;
CREATE TEMP TABLE number_tokens AS
SELECT number, pg_temp.tokens(number::text) AS tokens FROM generate_series(0, 100002) AS numbers (number);
ALTER TABLE number_tokens ADD PRIMARY KEY (number);
ANALYZE number_tokens;
SET synchronous_commit = off;
SET maintenance_work_mem = '1GB';
SET work_mem = '256MB';
SET jit = off;
-- What they would add row by row, the step `generations` adds at once.
ALTER TABLE messages DISABLE TRIGGER USER;
ALTER TABLE generations DISABLE TRIGGER USER;
ALTER TABLE feedback DISABLE TRIGGER USER;

//messages
INSERT INTO messages (id, chatroom_id, user_id, position, message_type, content, processing_status, attempts, quota_day,
    reply_to, model, prompt_tokens, response_tokens, search_tokens, created_at, updated_at)
SELECT pg_temp.id(2, n),
    CASE WHEN is_large THEN pg_temp.id(5, :rooms / 2) ELSE pg_temp.id(1, owner) END,
    CASE WHEN is_large THEN ':large'::uuid ELSE pg_temp.id(3, owner) END,
    2 * turn + 2 - n % 2,
    CASE WHEN n % 2 = 1 THEN 'user' ELSE 'ai' END,
    CASE WHEN is_large AND (2 * turn + 2 - n % 2) % (:messages / 100) = 0 THEN 'A needle. ' ELSE '' END || pg_temp.text(n),
    'completed', n % 2,
    CASE WHEN n % 2 = 1 THEN (pg_temp.at(n) AT TIME ZONE 'utc')::date END,
    CASE WHEN n % 2 = 0 THEN pg_temp.id(2, n - 1) END,
    CASE WHEN n % 2 = 0 THEN 'gemini-2.5-flash' END,
    CASE WHEN n % 2 = 0 THEN 20 END, CASE WHEN n % 2 = 0 THEN 40 END,
    CASE WHEN is_large AND (2 * turn + 2 - n % 2) % (:messages / 100) = 0 THEN w.needle ELSE '{}' END
        || CASE WHEN n % 2 = 1 THEN w.question ELSE w.answer END || topic.tokens || minutes.tokens || other.tokens,
    pg_temp.at(n), pg_temp.at(n)
FROM generate_series(1, :messages::bigint) AS messages (n)
CROSS JOIN LATERAL (SELECT (n - 1) / 2 AS pair) AS pairs
CROSS JOIN LATERAL (SELECT pair % 10 = 0 AS is_large, pair - pair / 10 - 1 AS other) AS places
CROSS JOIN LATERAL (
    SELECT CASE WHEN is_large THEN pair / 10 ELSE other / (5 * :talkers) * 5 + other % 5 END AS turn,
        (other / 5 % :talkers) * 3 + 1 AS owner
) AS turns
CROSS JOIN word_tokens AS w
JOIN number_tokens AS topic ON topic.number = n % 100003
JOIN number_tokens AS minutes ON minutes.number = n % 61
JOIN number_tokens AS other ON other.number = n % CASE WHEN n % 2 = 1 THEN 997 ELSE 499 END;

//the small room
INSERT INTO messages (id, chatroom_id, user_id, position, message_type, content, processing_status, attempts, quota_day,
    reply_to, model, prompt_tokens, response_tokens, search_tokens, created_at, updated_at)
SELECT pg_temp.id(2, n), pg_temp.id(6, 5), ':small', place, CASE WHEN place % 2 = 1 THEN 'user' ELSE 'ai' END,
    'A needle. ' || pg_temp.text(place), 'completed', place % 2,
    CASE WHEN place % 2 = 1 THEN (pg_temp.at(n) AT TIME ZONE 'utc')::date END,
    CASE WHEN place % 2 = 0 THEN pg_temp.id(2, n - 1) END,
    CASE WHEN place % 2 = 0 THEN 'gemini-2.5-flash' END,
    CASE WHEN place % 2 = 0 THEN 20 END, CASE WHEN place % 2 = 0 THEN 40 END,
    w.needle || CASE WHEN place % 2 = 1 THEN w.question ELSE w.answer END || topic.tokens || minutes.tokens || other.tokens,
    pg_temp.at(n), pg_temp.at(n)
FROM generate_series(1, 10::bigint) AS places (place)
CROSS JOIN LATERAL (SELECT :messages + place AS n) AS numbers
CROSS JOIN word_tokens AS w
JOIN number_tokens AS topic ON topic.number = place % 100003
JOIN number_tokens AS minutes ON minutes.number = place % 61
JOIN number_tokens AS other ON other.number = place % CASE WHEN place % 2 = 1 THEN 997 ELSE 499 END;

//unfinished and failed messages
INSERT INTO messages (id, chatroom_id, user_id, position, message_type, content, processing_status, error_code, attempts,
    quota_day, lease_owner, lease_until, sweep_at, created_at, updated_at)
SELECT pg_temp.id(2, n), pg_temp.id(1, owner), pg_temp.id(3, owner), 31, 'user', pg_temp.text(2 * k + 1), status,
    CASE WHEN status = 'failed' THEN (ARRAY['gemini_overloaded', 'gemini_quota', 'internal', 'timeout'])[k % 4 + 1] END,
    CASE status WHEN 'pending' THEN 0 WHEN 'processing' THEN 1 ELSE 3 END,
    (pg_temp.at(n) AT TIME ZONE 'utc')::date,
    CASE WHEN status = 'processing' THEN pg_temp.id(7, k) END,
    CASE WHEN status = 'processing' THEN now() + interval '1 day' END,
    CASE WHEN status <> 'failed' THEN now() + interval '1 day' + k * interval '1 second' END,
    pg_temp.at(n), pg_temp.at(n)
FROM generate_series(1, :unfinished + :failed::bigint) AS numbers (k)
CROSS JOIN LATERAL (
    SELECT :messages + 10 + k AS n, k * 3 - 2 AS owner,
        CASE WHEN k > :unfinished THEN 'failed' WHEN k % 10 = 0 THEN 'processing' ELSE 'pending' END AS status
) AS unfinished;

//branches
-- The newest question of both rooms has a sibling, which the room does not show.
WITH newest AS (
    SELECT DISTINCT ON (chatroom_id) id, chatroom_id, user_id, position, quota_day, created_at
    FROM messages WHERE user_id IN (':large', ':small') AND message_type = 'user' ORDER BY chatroom_id, position DESC
), sibling AS (
    INSERT INTO messages (id, chatroom_id, user_id, position, message_type, content, processing_status, quota_day,
        parent_generation_id, on_active_branch, search_tokens, created_at, updated_at)
    SELECT gen_random_uuid(), chatroom_id, user_id, position + 2, 'user', 'Corrected', 'cancelled', quota_day,
        chatroom_id, false, '{}', created_at, created_at
    FROM newest
)
UPDATE messages m SET parent_generation_id = m.chatroom_id FROM newest WHERE m.id = newest.id;

//generations
INSERT INTO generations (id, question_id, chatroom_id, user_id, position, status, error_code, attempts, quota_day,
    lease_owner, lease_until, sweep_at, finish_reason, model, prompt_tokens, response_tokens, created_at, updated_at)
SELECT id, id, chatroom_id, user_id, position, processing_status, error_code, attempts, quota_day, lease_owner,
    lease_until, sweep_at, CASE processing_status WHEN 'completed' THEN 'stop' END,
    CASE processing_status WHEN 'completed' THEN 'gemini-2.5-flash' END,
    CASE processing_status WHEN 'completed' THEN 20 ELSE 0 END,
    CASE processing_status WHEN 'completed' THEN 40 ELSE 0 END, created_at, updated_at
FROM messages WHERE message_type = 'user' AND NOT EXISTS (SELECT FROM generations g WHERE g.id = messages.id);
ALTER TABLE messages ENABLE TRIGGER USER;
ALTER TABLE generations ENABLE TRIGGER USER;

//feedback
-- To a twentieth of the answers, half of it with a comment.
INSERT INTO feedback (message_id, user_id, model, answered_at, rating, comment, updated_at)
SELECT id, user_id, model, created_at, CASE WHEN position % 6 = 0 THEN 'down' ELSE 'up' END,
    CASE WHEN position % 4 = 0 THEN 'It does not answer what I asked about the lease.' END, created_at + interval '1 minute'
FROM messages WHERE message_type = 'ai' AND hashtext(id::text) % 20 = 0;
-- Those of the workload are among the messages.
DELETE FROM daily_ratings;
INSERT INTO daily_ratings (day, model, shard, answers, up, down)
SELECT (m.created_at AT TIME ZONE 'UTC')::date, m.model, uuid_hash(m.user_id) & 15, count(*),
    count(*) FILTER (WHERE f.rating = 'up'), count(*) FILTER (WHERE f.rating = 'down')
FROM messages m LEFT JOIN feedback f ON f.message_id = m.id
WHERE m.message_type = 'ai' AND m.model IS NOT NULL
GROUP BY 1, 2, 3;
ALTER TABLE feedback ENABLE TRIGGER USER;

//rooms
INSERT INTO chatrooms (id, user_id, name, description, message_count, ai_response_count, last_position, last_message_at,
    has_branches, created_at, updated_at)
SELECT r.id, r.user_id, 'Room ' || r.n, 'What is said of topic ' || r.n, coalesce(m.messages, 0), coalesce(m.answers, 0),
    coalesce(m.last_position, 0), m.last_message_at, coalesce(m.has_branches, false), pg_temp.at(r.n), pg_temp.at(r.n)
FROM (
    SELECT n, pg_temp.id(1, n) AS id, pg_temp.id(3, n) AS user_id FROM generate_series(1, :users::bigint) AS users (n)
    UNION ALL
    SELECT n, pg_temp.id(5, n), ':large'::uuid FROM generate_series(1, :rooms::bigint) AS rooms (n)
    UNION ALL
    SELECT n, pg_temp.id(6, n), ':small'::uuid FROM generate_series(1, 10::bigint) AS rooms (n)
) AS r
LEFT JOIN (
    SELECT chatroom_id, count(*) AS messages, count(reply_to) AS answers, max(position) AS last_position,
        max(created_at) AS last_message_at, bool_or(NOT on_active_branch) AS has_branches
    FROM messages GROUP BY chatroom_id
) AS m ON m.chatroom_id = r.id;

//users
INSERT INTO users (id, mobile_number, name, password_hash, subscription_tier, chatroom_count, message_count, ai_response_count,
    prompt_tokens, response_tokens, created_at, updated_at, deleted_at)
SELECT pg_temp.id(3, n), CASE WHEN NOT is_deleted THEN '+49160' || lpad(n::text, 8, '0') END,
    CASE WHEN is_deleted THEN '' ELSE 'Person ' || n END,
    CASE WHEN is_deleted THEN '' ELSE '$argon2id$v=19$m=19456,t=2,p=1$' || left(encode(sha256(n::text::bytea), 'base64'), 22) || '$'
        || left(encode(sha256((n + 1)::text::bytea), 'base64'), 43) END,
    CASE WHEN n % 25 = 0 THEN 'pro' ELSE 'basic' END, r.rooms, r.messages, r.answers, r.answers * 20, r.answers * 40,
    pg_temp.at(n), pg_temp.at(n), CASE WHEN is_deleted THEN now() - n * interval '1 millisecond' END
FROM generate_series(1, :users::bigint) AS users (n)
CROSS JOIN LATERAL (SELECT n % 5000 = 2500 AS is_deleted) AS deletions
JOIN (
    SELECT user_id, count(*) AS rooms, sum(message_count - ai_response_count)::bigint AS messages,
        sum(ai_response_count)::bigint AS answers
    FROM chatrooms GROUP BY user_id
) AS r ON r.user_id = pg_temp.id(3, n);
UPDATE users u SET chatroom_count = r.rooms, message_count = r.messages, ai_response_count = r.answers,
    prompt_tokens = r.answers * 20, response_tokens = r.answers * 40
FROM (
    SELECT user_id, count(*) AS rooms, sum(message_count - ai_response_count)::bigint AS messages,
        sum(ai_response_count)::bigint AS answers
    FROM chatrooms WHERE user_id IN (':large', ':small') GROUP BY user_id
) AS r WHERE r.user_id = u.id;

//sessions
INSERT INTO sessions (id, user_id, refresh_token_hash, address, user_agent, created_at, last_seen_at, expires_at)
SELECT pg_temp.id(4, n), pg_temp.id(3, n), sha256(n::text::bytea), '203.0.113.' || n % 256, 'Mozilla/5.0 (X11; Linux x86_64)',
    pg_temp.at(n), pg_temp.at(n), now() + interval '30 days' * ((n % 1000 - 2) / 1000.0)
FROM generate_series(1, :users::bigint) AS users (n) WHERE n % 5000 <> 2500;

//usage
INSERT INTO daily_usage (user_id, day, messages, prompt_tokens, response_tokens)
SELECT m.user_id, (m.created_at AT TIME ZONE 'utc')::date, count(quota_day) FILTER (WHERE processing_status <> 'failed'),
    coalesce(sum(m.prompt_tokens), 0), coalesce(sum(m.response_tokens), 0)
FROM messages m WHERE NOT EXISTS (SELECT FROM daily_usage d WHERE d.user_id = m.user_id) GROUP BY 1, 2;

//subscriptions
INSERT INTO subscriptions (user_id, customer_id, subscription_id, status, begun_at, period_start, period_end, checkout_opened_at,
    checkout_expires_at, review_at, created_at, updated_at)
SELECT pg_temp.id(3, n), 'cus_' || n, 'sub_' || n, CASE WHEN is_active THEN 'active' ELSE 'canceled' END, pg_temp.at(n),
    ends_at - interval '30 days', ends_at, pg_temp.at(n), pg_temp.at(n) + interval '1 day',
    CASE WHEN is_active THEN ends_at + interval '1 hour' END, pg_temp.at(n), ends_at - interval '30 days'
FROM generate_series(1, :users::bigint) AS users (n)
CROSS JOIN LATERAL (SELECT n % 25 = 0 AS is_active, now() + interval '30 days' * (n % 997 / 997.0) AS ends_at) AS periods
WHERE n % 25 = 0 OR n % 100 = 1;
