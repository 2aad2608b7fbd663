-- psql, on the database as it was before the restore: writes what the restored one must not forget.
-- See docs/recovery.md. The files contain password hashes.
\set ON_ERROR_STOP on
\copy (SELECT id, password_hash, password_changed_at, suspended_at, role FROM users WHERE deleted_at IS NULL) TO lost-users.csv CSV
\copy (SELECT id, user_id, refresh_token_hash, address, user_agent, created_at, last_seen_at, expires_at FROM sessions) TO lost-sessions.csv CSV
\copy (SELECT number_hash, user_id, suspended_at FROM suspended_numbers) TO lost-numbers.csv CSV
