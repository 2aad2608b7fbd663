-- What users say about answers, and how many answers of each model were rated.

-- At most one row per answer. A withdrawn rating has no row.
CREATE TABLE feedback (
    -- No foreign key: the deletion of a chatroom would check each message. A trigger below deletes the
    -- feedback of deleted answers at once.
    message_id  uuid        PRIMARY KEY,
    -- The owner of the message.
    user_id     uuid        NOT NULL,
    -- The model and the creation time of the answer.
    model       text,
    answered_at timestamptz NOT NULL,
    rating      text        NOT NULL CHECK (rating IN ('up', 'down')),
    comment     text,
    updated_at  timestamptz NOT NULL
);
CREATE INDEX feedback_updated_at_idx ON feedback (updated_at, message_id);

CREATE FUNCTION delete_feedback_of_messages() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM feedback f USING deleted WHERE deleted.message_type = 'ai' AND f.message_id = deleted.id;
    RETURN NULL;
END
$$;
-- Also covers the deletions of the previous release.
CREATE TRIGGER delete_feedback_of_messages AFTER DELETE ON messages REFERENCING OLD TABLE AS deleted
    FOR EACH STATEMENT EXECUTE FUNCTION delete_feedback_of_messages();

-- Answers by the day (UTC) on which they were stored, and their ratings. Numbers only: they outlive the
-- answers. Answers from before this migration are not counted.
CREATE TABLE daily_ratings (
    day     date     NOT NULL,
    model   text     NOT NULL,
    -- Several rows per day and model, so that answers stored at once do not wait for the same lock. The
    -- owner of the answer decides which row counts it.
    shard   smallint NOT NULL,
    answers bigint   NOT NULL DEFAULT 0,
    up      bigint   NOT NULL DEFAULT 0,
    down    bigint   NOT NULL DEFAULT 0,
    PRIMARY KEY (day, model, shard)
) WITH (fillfactor = 50);

-- Triggers, so that the answers of the previous release count as well. They run at the end of a
-- statement, so a row of daily_ratings is always locked last.

CREATE FUNCTION count_answer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO daily_ratings AS d (day, model, shard, answers)
    VALUES ((NEW.created_at AT TIME ZONE 'UTC')::date, NEW.model, uuid_hash(NEW.user_id) & 15, 1)
    ON CONFLICT (day, model, shard) DO UPDATE SET answers = d.answers + 1;
    RETURN NULL;
END
$$;
CREATE TRIGGER count_answer AFTER INSERT ON messages FOR EACH ROW
    WHEN (NEW.message_type = 'ai' AND NEW.model IS NOT NULL) EXECUTE FUNCTION count_answer();

CREATE FUNCTION count_rating() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    answer feedback := coalesce(NEW, OLD);
BEGIN
    UPDATE daily_ratings SET
        up = up + coalesce((NEW.rating = 'up')::integer, 0) - coalesce((OLD.rating = 'up')::integer, 0),
        down = down + coalesce((NEW.rating = 'down')::integer, 0) - coalesce((OLD.rating = 'down')::integer, 0)
    WHERE day = (answer.answered_at AT TIME ZONE 'UTC')::date AND model = answer.model
        AND shard = uuid_hash(answer.user_id) & 15;
    RETURN NULL;
END
$$;
CREATE TRIGGER count_rating AFTER INSERT OR UPDATE OF rating ON feedback FOR EACH ROW
    EXECUTE FUNCTION count_rating();
-- A rating that its owner withdraws no longer counts; a rating that is deleted with its answer does.
CREATE TRIGGER count_withdrawn_rating AFTER DELETE ON feedback FOR EACH ROW
    WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION count_rating();
