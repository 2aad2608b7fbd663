-- Refunds are limited per day, and the use of a deleted account counts for its number until midnight.

-- The previous release refunds without counting, which the limit tolerates.
ALTER TABLE daily_usage
    ADD COLUMN refunds      integer NOT NULL DEFAULT 0,
    -- The daily limit at the last send; NULL until a release that knows the column has sent.
    ADD COLUMN refund_limit integer;

-- What a number without an account has used today. Nothing leads from here to the deleted account,
-- and the sweeper deletes the row after the day.
CREATE TABLE retired_usage (
    -- HMAC-SHA-256 of the number.
    number_hash bytea   PRIMARY KEY,
    day         date    NOT NULL,
    messages    integer NOT NULL,
    refunds     integer NOT NULL
);
CREATE INDEX retired_usage_day_idx ON retired_usage (day);
