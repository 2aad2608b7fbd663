-- When the password was last changed. A one-time code from before is void. NULL until the first
-- change, so nothing is written to existing rows.

ALTER TABLE users ADD COLUMN password_changed_at timestamptz;
