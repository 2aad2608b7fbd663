-- psql, on the restored database: applies what export.sql has written, in one transaction.
-- Passwords, suspensions, roles and sessions are then as they were before the restore, so that
-- nobody who was signed out or suspended is let in. Prints the ids of accounts that exist only
-- here: of those, users have deleted theirs since the restored time, unless the loss of accounts
-- was the reason for the restore.
\set ON_ERROR_STOP on
BEGIN;
CREATE TEMP TABLE lost_users (id uuid PRIMARY KEY, password_hash text, password_changed_at timestamptz,
    suspended_at timestamptz, role text);
CREATE TEMP TABLE lost_sessions (LIKE sessions);
CREATE TEMP TABLE lost_numbers (LIKE suspended_numbers);
\copy lost_users FROM lost-users.csv CSV
\copy lost_sessions (id, user_id, refresh_token_hash, address, user_agent, created_at, last_seen_at, expires_at) FROM lost-sessions.csv CSV
\copy lost_numbers (number_hash, user_id, suspended_at) FROM lost-numbers.csv CSV
-- An export that failed has no accounts. Without this, all accounts would look deleted.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM lost_users) THEN
        RAISE EXCEPTION 'lost-users.csv has no accounts';
    END IF;
END
$$;
UPDATE users u SET password_hash = l.password_hash, password_changed_at = l.password_changed_at,
    suspended_at = l.suspended_at, role = l.role
FROM lost_users l WHERE l.id = u.id AND u.deleted_at IS NULL;
DELETE FROM sessions;
INSERT INTO sessions SELECT l.* FROM lost_sessions l WHERE EXISTS (SELECT FROM users u WHERE u.id = l.user_id);
INSERT INTO suspended_numbers (number_hash, user_id, suspended_at)
SELECT number_hash, user_id, suspended_at FROM lost_numbers ON CONFLICT DO NOTHING;
COMMIT;
\echo accounts that exist only in the restored database:
SELECT id FROM users u WHERE deleted_at IS NULL AND NOT EXISTS (SELECT FROM lost_users l WHERE l.id = u.id);
