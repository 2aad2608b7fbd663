-- Accounts, sessions, conversations and the daily quota.
--
-- Locks are always taken in the order chatrooms, messages, daily_usage, users, so that no two statements can wait for
-- each other.

CREATE TABLE users (
    id                uuid        PRIMARY KEY,
    mobile_number     text        NOT NULL,
    name              text        NOT NULL,
    password_hash     text        NOT NULL,
    subscription_tier text        NOT NULL DEFAULT 'basic' CHECK (subscription_tier IN ('basic', 'pro')),
    -- Kept, not counted: what /api/user/stats answers, in one row whatever the history.
    chatroom_count    bigint      NOT NULL DEFAULT 0,
    message_count     bigint      NOT NULL DEFAULT 0,
    ai_response_count bigint      NOT NULL DEFAULT 0,
    prompt_tokens     bigint      NOT NULL DEFAULT 0,
    response_tokens   bigint      NOT NULL DEFAULT 0,
    created_at        timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL,
    CONSTRAINT users_mobile_number_key UNIQUE (mobile_number)
) WITH (fillfactor = 80);

-- A session that is ended is deleted; a token without its session opens nothing.
CREATE TABLE sessions (
    id                 uuid        PRIMARY KEY,
    user_id            uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    refresh_token_hash bytea       NOT NULL,
    address            text,
    user_agent         text,
    created_at         timestamptz NOT NULL,
    last_seen_at       timestamptz NOT NULL,
    expires_at         timestamptz NOT NULL
);
CREATE INDEX sessions_user_id_idx ON sessions (user_id);

CREATE TABLE chatrooms (
    id                uuid        PRIMARY KEY,
    user_id           uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    name              text        NOT NULL,
    description       text,
    system_prompt     text,
    message_count     bigint      NOT NULL DEFAULT 0,
    ai_response_count bigint      NOT NULL DEFAULT 0,
    -- The position of the newest message: handed out under this row's lock, so it orders a room exactly.
    last_position     bigint      NOT NULL DEFAULT 0,
    last_message_at   timestamptz,
    created_at        timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX chatrooms_user_id_idx ON chatrooms (user_id, id);

CREATE TABLE messages (
    id                uuid        PRIMARY KEY,
    chatroom_id       uuid        NOT NULL REFERENCES chatrooms ON DELETE CASCADE,
    -- The owner of the room, repeated here so that every query can name it.
    user_id           uuid        NOT NULL,
    position          bigint      NOT NULL,
    message_type      text        NOT NULL CHECK (message_type IN ('user', 'ai')),
    content           text        NOT NULL,
    processing_status text        NOT NULL
        CHECK (processing_status IN ('pending', 'processing', 'completed', 'failed', 'cancelled')),
    error_code        text        CHECK (error_code IN ('gemini_overloaded', 'gemini_quota', 'blocked_by_safety',
                                                        'invalid_request', 'timeout', 'internal')),
    attempts          integer     NOT NULL DEFAULT 0,
    -- The day whose quota the message was counted in; a refund goes back there.
    quota_day         date,
    -- Who answers it, and until when nobody else may take it up (also the end of a wait before the next attempt).
    lease_owner       uuid,
    lease_until       timestamptz,
    -- When the sweeper puts it on the queue again unless something happens before; NULL once it is finished.
    sweep_at          timestamptz,
    -- How often it was put on the queue again.
    resends           integer     NOT NULL DEFAULT 0,
    -- The message that this one answers. UNIQUE is the last guard against a second answer.
    -- No foreign key: both go with their room, and checking a room's every row would make that six times as slow.
    reply_to          uuid,
    model             text,
    prompt_tokens     integer,
    response_tokens   integer,
    created_at        timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL,
    CONSTRAINT messages_chatroom_id_position_key UNIQUE (chatroom_id, position),
    CONSTRAINT messages_reply_to_key UNIQUE (reply_to)
);
-- The few rows that still want an answer: the next one of a room, for the worker; the oldest, for the sweeper. Neither
-- predicate follows from anything that is asked of a row found by its id: with statistics from a quiet hour the planner
-- would otherwise walk all unfinished rows to find one.
CREATE INDEX messages_unfinished_in_room_idx ON messages (chatroom_id, position) WHERE sweep_at IS NOT NULL;
CREATE INDEX messages_sweep_at_idx ON messages (sweep_at) WHERE sweep_at > '-infinity';

CREATE TABLE daily_usage (
    user_id         uuid    NOT NULL REFERENCES users ON DELETE CASCADE,
    day             date    NOT NULL,
    messages        integer NOT NULL DEFAULT 0 CHECK (messages >= 0),
    prompt_tokens   bigint  NOT NULL DEFAULT 0,
    response_tokens bigint  NOT NULL DEFAULT 0,
    PRIMARY KEY (user_id, day)
) WITH (fillfactor = 80);
