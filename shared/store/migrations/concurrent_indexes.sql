-- Indexes of large tables, one statement a line. They are built after the migrations, outside of a
-- transaction, so that writes go on meanwhile.
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS messages_generation_id_key ON messages (generation_id) WHERE generation_id IS NOT NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS messages_parent_generation_id_idx ON messages (parent_generation_id) WHERE parent_generation_id IS NOT NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS messages_active_branch_idx ON messages (chatroom_id, position) WHERE on_active_branch;
CREATE INDEX CONCURRENTLY IF NOT EXISTS daily_usage_cost_idx ON daily_usage (day, cost_micro_usd, user_id) WHERE cost_micro_usd > 0;
CREATE INDEX CONCURRENTLY IF NOT EXISTS chatrooms_title_due_at_idx ON chatrooms (title_due_at) WHERE title_due_at IS NOT NULL;
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS chatrooms_client_id_key ON chatrooms (user_id, client_id) WHERE client_id IS NOT NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS chatrooms_activity_idx ON chatrooms (user_id, coalesce(last_message_at, created_at), id);
