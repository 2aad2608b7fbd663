-- Who operates the service, what they have struck off their list of failures, and how long a message has waited for its
-- turn at Gemini.

ALTER TABLE users ADD COLUMN role text NOT NULL DEFAULT 'user' CHECK (role IN ('user', 'admin'));

ALTER TABLE messages
    -- Since when Gemini's quota, or an outage of Gemini, has kept it from being tried. Such a wait uses up no attempt, so
    -- this is what ends it.
    ADD COLUMN waiting_since timestamptz,
    -- How many of its re-sends came before it was last revived: those are no reason to give it up.
    ADD COLUMN resends_before integer NOT NULL DEFAULT 0,
    -- When an operator struck it off the list of failed messages; it stays failed.
    ADD COLUMN dismissed_at timestamptz;

-- The operator's list. No statement that finds a message by its id has this predicate: see the indexes before.
CREATE INDEX messages_failed_idx ON messages (updated_at, id)
    WHERE processing_status = 'failed' AND dismissed_at IS NULL;
