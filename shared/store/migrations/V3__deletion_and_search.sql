-- Accounts that are being deleted, sessions whose time is over, and search over what was written.

-- The first step of a deletion takes the number, the name and the password away; what the account owned follows in
-- batches, the row itself last.
ALTER TABLE users
    ALTER COLUMN mobile_number DROP NOT NULL,
    ADD COLUMN deleted_at timestamptz,
    ADD CONSTRAINT users_mobile_number_check CHECK (mobile_number IS NOT NULL OR deleted_at IS NOT NULL);
CREATE INDEX users_deleted_at_idx ON users (deleted_at) WHERE deleted_at IS NOT NULL;

-- Those whose time is over are deleted; they have addresses in them.
CREATE INDEX sessions_expires_at_idx ON sessions (expires_at);

-- One index over owner and words, so that a search costs what its owner's matches cost and not what everybody's do. It has
-- finished messages only: each change of an unfinished one would write all of its words again. The extension may be
-- installed already, and anywhere; and where there are very many messages, the index may have been made before, without
-- keeping anybody from writing (see docs/deploy.md).
CREATE EXTENSION IF NOT EXISTS btree_gin WITH SCHEMA public;
DO $$
DECLARE
    place text;
BEGIN
    SELECT n.nspname INTO place FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
    WHERE e.extname = 'btree_gin';
    EXECUTE format(
        'CREATE INDEX IF NOT EXISTS messages_search_idx ON messages
            USING gin (user_id %I.uuid_ops, to_tsvector(''simple''::regconfig, content))
            WITH (gin_pending_list_limit = 512) WHERE sweep_at IS NULL',
        place
    );
END
$$;
