-- Search by word prefixes, and in scripts without spaces: each message has the tokens of its text.
--
-- The tokens are hashes that shared/domain/src/search computes. Messages from before this migration,
-- and messages that the previous release writes during the deployment, have none: the sweeper adds
-- theirs in batches, and until then a search also uses messages_search_idx. A later migration drops
-- that index and messages_words.

ALTER TABLE messages ADD COLUMN IF NOT EXISTS search_tokens integer[];
-- Hashes cannot be compressed.
ALTER TABLE messages ALTER COLUMN search_tokens SET STORAGE EXTERNAL;

-- Enough statistics to tell rare tokens from common ones: a rare one is found by the index, a common
-- one in the order of ids. With fewer the planner takes a rare one for common and reads the table.
ALTER TABLE messages ALTER COLUMN search_tokens SET STATISTICS 1000;

-- How far the sweeper has added tokens; one row.
CREATE TABLE search_backfill (
    is_only_row boolean     PRIMARY KEY DEFAULT true CHECK (is_only_row),
    -- The last message that was examined. Ids sort by creation time.
    position    uuid        NOT NULL,
    -- Until when the previous release may still write messages without tokens.
    until       timestamptz NOT NULL,
    -- NULL while messages without tokens may exist.
    finished_at timestamptz
);
INSERT INTO search_backfill (position, until, finished_at)
SELECT '00000000-0000-0000-0000-000000000000', now() + interval '1 day',
    CASE WHEN NOT EXISTS (SELECT FROM messages) THEN now() END;

-- One index over owner and tokens. It has finished messages only: each change of an unfinished one
-- would write all of its tokens again. Where there are very many messages, an operator can create
-- the index beforehand without blocking writes (see docs/deploy.md).
DO $$
DECLARE
    place text;
BEGIN
    SELECT n.nspname INTO place FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
    WHERE e.extname = 'btree_gin';
    EXECUTE format(
        'CREATE INDEX IF NOT EXISTS messages_search_tokens_idx ON messages USING gin (user_id %I.uuid_ops, search_tokens)
            WITH (gin_pending_list_limit = 512) WHERE sweep_at IS NULL AND search_tokens IS NOT NULL',
        place
    );
END
$$;
