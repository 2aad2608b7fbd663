-- How an answer ended, why a message waits, and more reasons for a failure.
--
-- The checks are NOT VALID, so that no existing row is read while the table is locked. Existing rows
-- satisfy them: the new columns are NULL and the old error codes remain.

ALTER TABLE messages
    -- Of an answer: why Gemini stopped writing. Anything but `stop` is an incomplete answer. NULL on
    -- answers from before this migration.
    ADD COLUMN finish_reason text,
    -- Of a pending message: what it waits for until `lease_until`.
    ADD COLUMN wait_reason text,
    ADD CONSTRAINT messages_finish_reason_check CHECK (finish_reason IN ('stop', 'max_tokens', 'max_time', 'safety',
        'recitation', 'cancelled', 'other')) NOT VALID,
    ADD CONSTRAINT messages_wait_reason_check CHECK (wait_reason IN ('rate_limit', 'outage', 'retry')) NOT VALID,
    DROP CONSTRAINT messages_error_code_check,
    ADD CONSTRAINT messages_error_code_check CHECK (error_code IN ('gemini_overloaded', 'gemini_quota',
        'gemini_billing', 'gemini_key_refused', 'no_answer', 'blocked_by_safety', 'invalid_request', 'timeout',
        'internal')) NOT VALID;
