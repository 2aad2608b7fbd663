-- A search for a common word reads the owner's newest messages, not those of all users.
--
-- The index has finished messages only, as messages_search_tokens_idx has, so that a change of an
-- unfinished one does not write it. Where there are very many messages, an operator can create it
-- beforehand without blocking writes (see docs/deploy.md).
CREATE INDEX IF NOT EXISTS messages_by_owner_idx ON messages (user_id, id) WHERE sweep_at IS NULL;
