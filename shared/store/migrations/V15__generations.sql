-- Generations: one row per requested answer. Messages form a tree, and a chatroom shows one branch.
--
-- The state of an answer moves from `messages` to `generations`. The previous release works on the
-- columns of `messages` while both run, during a deployment and after a rollback: the triggers below
-- keep a question and its first generation the same. A later migration drops the triggers, those
-- columns, their indexes and `messages_reply_to_key`.
--
-- The indexes of the new columns of `messages` are in concurrent_indexes.sql, since building them
-- here would block writes.

CREATE TABLE generations (
    -- Of the first generation of a question: the question's id.
    id                  uuid        PRIMARY KEY,
    -- No foreign keys: rows are deleted with their question, and checking each row would make the
    -- deletion of a chatroom several times as slow.
    question_id         uuid        NOT NULL,
    -- 1, 2, ... for each question.
    number              integer     NOT NULL DEFAULT 1,
    chatroom_id         uuid        NOT NULL,
    user_id             uuid        NOT NULL,
    -- The order in which the chatroom's generations are answered: a position of the chatroom.
    position            bigint      NOT NULL,
    -- The model that the user asked for. NULL: that of the chatroom or the plan.
    requested_model     text,
    status              text        NOT NULL
        CHECK (status IN ('pending', 'processing', 'completed', 'failed', 'cancelled')),
    error_code          text        CHECK (error_code IN ('gemini_overloaded', 'gemini_quota', 'gemini_billing',
        'gemini_key_refused', 'no_answer', 'blocked_by_safety', 'invalid_request', 'timeout', 'internal')),
    finish_reason       text        CHECK (finish_reason IN ('stop', 'max_tokens', 'max_time', 'safety', 'recitation',
        'cancelled', 'other')),
    -- The model that answered.
    model               text,
    attempts            integer     NOT NULL DEFAULT 0,
    -- Grows with each claim and never falls, unlike the attempts.
    fence               bigint      NOT NULL DEFAULT 0,
    lease_owner         uuid,
    -- The end of the lease, or of the wait before the next attempt.
    lease_until         timestamptz,
    -- Which of the user's places for concurrent generations the lease holds.
    lease_slot          smallint,
    wait_reason         text        CHECK (wait_reason IN ('rate_limit', 'outage', 'retry')),
    waiting_since       timestamptz,
    cancel_requested_at timestamptz,
    -- The day whose quota it was counted in; a refund goes back there.
    quota_day           date,
    -- When the sweeper puts it on the queue again; NULL once it is finished.
    sweep_at            timestamptz,
    resends             integer     NOT NULL DEFAULT 0,
    resends_before      integer     NOT NULL DEFAULT 0,
    dismissed_at        timestamptz,
    -- Tokens of all calls for it. `response_tokens` includes `thought_tokens`, `prompt_tokens`
    -- includes `cached_tokens`.
    prompt_tokens       integer     NOT NULL DEFAULT 0,
    cached_tokens       integer     NOT NULL DEFAULT 0,
    thought_tokens      integer     NOT NULL DEFAULT 0,
    response_tokens     integer     NOT NULL DEFAULT 0,
    created_at          timestamptz NOT NULL,
    updated_at          timestamptz NOT NULL,
    CONSTRAINT generations_question_id_number_key UNIQUE (question_id, number)
) WITH (fillfactor = 80);
CREATE INDEX generations_unfinished_in_room_idx ON generations (chatroom_id, position) WHERE sweep_at IS NOT NULL;
CREATE INDEX generations_sweep_at_idx ON generations (sweep_at) WHERE sweep_at > '-infinity';
CREATE INDEX generations_failed_idx ON generations (updated_at, id) WHERE status = 'failed' AND dismissed_at IS NULL;
-- Two workers cannot hold the same place of a user.
CREATE UNIQUE INDEX generations_lease_slot_key ON generations (user_id, lease_slot) WHERE lease_slot IS NOT NULL;

ALTER TABLE messages
    -- Of an answer: its generation. NULL on answers from before this migration, whose generation has
    -- the id of the question.
    ADD COLUMN generation_id        uuid,
    -- Of a question: the generation that it follows, or the chatroom's id if it follows none. NULL
    -- on questions from before this migration, which follow the previous question of the chatroom.
    ADD COLUMN parent_generation_id uuid,
    -- Of a question: the generation that the chatroom shows. NULL: the first one.
    ADD COLUMN active_generation_id uuid,
    ADD COLUMN on_active_branch     boolean NOT NULL DEFAULT true;

-- Whether any message of the chatroom has a sibling, so that others need not look for siblings.
ALTER TABLE chatrooms ADD COLUMN has_branches boolean NOT NULL DEFAULT false;

-- Unfinished and failed messages, which the new release works on at once. The sweeper adds the
-- generations of the others.
INSERT INTO generations (id, question_id, chatroom_id, user_id, position, status, error_code, attempts, lease_owner,
    lease_until, wait_reason, waiting_since, quota_day, sweep_at, resends, resends_before, dismissed_at, created_at, updated_at)
SELECT id, id, chatroom_id, user_id, position, processing_status, error_code, attempts, lease_owner,
    lease_until, wait_reason, waiting_since, quota_day, sweep_at, resends, resends_before, dismissed_at, created_at, updated_at
FROM messages
WHERE message_type = 'user'
    AND (sweep_at > '-infinity' OR processing_status = 'failed' AND dismissed_at IS NULL);

-- How far the sweeper has added the generations of finished messages; one row.
CREATE TABLE generation_backfill (
    is_only_row boolean     PRIMARY KEY DEFAULT true CHECK (is_only_row),
    -- The last message that was examined. Ids sort by creation time.
    position    uuid        NOT NULL,
    -- NULL while questions without a generation may exist.
    finished_at timestamptz
);
INSERT INTO generation_backfill (position, finished_at)
SELECT '00000000-0000-0000-0000-000000000000', CASE WHEN NOT EXISTS (SELECT FROM messages) THEN now() END;

-- The generation that the next question of a chatroom follows: the last one on the active branch.
-- NULL if there is none. Volatile, so that it sees what was committed while the caller waited for
-- the lock on the chatroom.
CREATE FUNCTION last_active_generation(chatroom uuid) RETURNS uuid LANGUAGE sql VOLATILE AS $$
    SELECT coalesce(active_generation_id, id) FROM messages
    WHERE chatroom_id = chatroom AND on_active_branch AND message_type = 'user'
    ORDER BY position DESC LIMIT 1
$$;

-- What the previous release writes.

CREATE FUNCTION complete_message_of_previous_release() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.message_type = 'ai' THEN
        NEW.generation_id := NEW.reply_to;
        -- The chatroom may show another generation of the question by now.
        NEW.on_active_branch := coalesce((
            SELECT on_active_branch AND coalesce(active_generation_id, id) = id FROM messages WHERE id = NEW.reply_to), true);
        UPDATE generations SET model = NEW.model, finish_reason = NEW.finish_reason,
            prompt_tokens = prompt_tokens + coalesce(NEW.prompt_tokens, 0),
            response_tokens = response_tokens + coalesce(NEW.response_tokens, 0)
        WHERE id = NEW.reply_to;
        RETURN NEW;
    END IF;
    NEW.parent_generation_id := coalesce(last_active_generation(NEW.chatroom_id), NEW.chatroom_id);
    INSERT INTO generations (id, question_id, chatroom_id, user_id, position, status, error_code, attempts, lease_owner,
        lease_until, wait_reason, waiting_since, quota_day, sweep_at, resends, resends_before, dismissed_at, created_at,
        updated_at)
    VALUES (NEW.id, NEW.id, NEW.chatroom_id, NEW.user_id, NEW.position, NEW.processing_status, NEW.error_code,
        NEW.attempts, NEW.lease_owner, NEW.lease_until, NEW.wait_reason, NEW.waiting_since, NEW.quota_day, NEW.sweep_at,
        NEW.resends, NEW.resends_before, NEW.dismissed_at, NEW.created_at, NEW.updated_at);
    RETURN NEW;
END
$$;
CREATE TRIGGER messages_of_previous_release BEFORE INSERT ON messages FOR EACH ROW
    WHEN (NEW.message_type = 'user' AND NEW.parent_generation_id IS NULL
        OR NEW.message_type = 'ai' AND NEW.generation_id IS NULL)
    EXECUTE FUNCTION complete_message_of_previous_release();

CREATE FUNCTION copy_state_to_generation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO generations AS g (id, question_id, chatroom_id, user_id, position, status, error_code, attempts, fence,
        lease_owner, lease_until, wait_reason, waiting_since, quota_day, sweep_at, resends, resends_before, dismissed_at,
        created_at, updated_at)
    VALUES (NEW.id, NEW.id, NEW.chatroom_id, NEW.user_id, NEW.position, NEW.processing_status, NEW.error_code,
        NEW.attempts, 1, NEW.lease_owner, NEW.lease_until, NEW.wait_reason, NEW.waiting_since, NEW.quota_day, NEW.sweep_at,
        NEW.resends, NEW.resends_before, NEW.dismissed_at, NEW.created_at, NEW.updated_at)
    ON CONFLICT (id) DO UPDATE SET status = excluded.status, error_code = excluded.error_code,
        attempts = excluded.attempts,
        fence = g.fence + (NEW.lease_owner IS NOT NULL AND NEW.lease_owner IS DISTINCT FROM OLD.lease_owner)::integer,
        lease_owner = excluded.lease_owner, lease_until = excluded.lease_until, lease_slot = NULL,
        wait_reason = excluded.wait_reason, waiting_since = excluded.waiting_since, quota_day = excluded.quota_day,
        sweep_at = excluded.sweep_at, resends = excluded.resends, resends_before = excluded.resends_before,
        dismissed_at = excluded.dismissed_at, updated_at = excluded.updated_at;
    RETURN NULL;
END
$$;
CREATE TRIGGER message_state_of_previous_release AFTER UPDATE ON messages FOR EACH ROW
    WHEN (pg_trigger_depth() = 0 AND NEW.message_type = 'user'
        AND (NEW.processing_status, NEW.error_code, NEW.attempts, NEW.lease_owner, NEW.lease_until, NEW.wait_reason,
            NEW.waiting_since, NEW.quota_day, NEW.sweep_at, NEW.resends, NEW.resends_before, NEW.dismissed_at)
        IS DISTINCT FROM (OLD.processing_status, OLD.error_code, OLD.attempts, OLD.lease_owner, OLD.lease_until,
            OLD.wait_reason, OLD.waiting_since, OLD.quota_day, OLD.sweep_at, OLD.resends, OLD.resends_before,
            OLD.dismissed_at))
    EXECUTE FUNCTION copy_state_to_generation();

CREATE FUNCTION delete_generations_of_messages() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM generations g USING deleted WHERE deleted.message_type = 'user' AND g.question_id = deleted.id;
    RETURN NULL;
END
$$;
CREATE TRIGGER deletions_of_previous_release AFTER DELETE ON messages REFERENCING OLD TABLE AS deleted
    FOR EACH STATEMENT EXECUTE FUNCTION delete_generations_of_messages();

-- What the previous release reads.

CREATE FUNCTION copy_state_to_message() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE messages SET processing_status = NEW.status, error_code = NEW.error_code, attempts = NEW.attempts,
        lease_owner = NEW.lease_owner, lease_until = NEW.lease_until, wait_reason = NEW.wait_reason,
        waiting_since = NEW.waiting_since, quota_day = NEW.quota_day, sweep_at = NEW.sweep_at, resends = NEW.resends,
        resends_before = NEW.resends_before, dismissed_at = NEW.dismissed_at, updated_at = NEW.updated_at
    WHERE id = NEW.id;
    RETURN NULL;
END
$$;
CREATE TRIGGER generation_state_for_previous_release AFTER UPDATE ON generations FOR EACH ROW
    WHEN (pg_trigger_depth() = 0 AND NEW.id = NEW.question_id)
    EXECUTE FUNCTION copy_state_to_message();
