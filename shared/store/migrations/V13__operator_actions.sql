-- Operators can suspend accounts, and every action of an operator leaves an entry.

-- NULL on accounts that are not suspended. The previous release ignores the column: during a
-- deployment its instances still serve a suspended account.
ALTER TABLE users ADD COLUMN suspended_at timestamptz;

-- Numbers whose suspended account was deleted by its owner: they cannot sign up until an operator
-- restores them.
CREATE TABLE suspended_numbers (
    -- HMAC-SHA-256 of the number.
    number_hash  bytea       PRIMARY KEY,
    -- The deleted account, by whose id an operator restores the number.
    user_id      uuid        NOT NULL,
    suspended_at timestamptz NOT NULL
);
CREATE INDEX suspended_numbers_user_id_idx ON suspended_numbers (user_id);

-- Who did what to whom. Written by the statement of the action itself, so that neither exists
-- without the other. It has ids only, no number and no text, and refers to no row: the entries of
-- deleted accounts remain.
CREATE TABLE operator_actions (
    id            bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- The account of the operator who called the API; or the database user of a command.
    operator_id   uuid,
    database_user text,
    -- The id in the response and in the logs; NULL for a command.
    request_id    text,
    action        text        NOT NULL,
    target_type   text        NOT NULL CHECK (target_type IN ('account', 'job')),
    target_id     uuid        NOT NULL,
    -- The state of the target after the action.
    result        text        NOT NULL,
    created_at    timestamptz NOT NULL,
    CONSTRAINT operator_actions_operator_check CHECK ((operator_id IS NULL) <> (database_user IS NULL))
);
CREATE INDEX operator_actions_created_at_idx ON operator_actions (created_at);
