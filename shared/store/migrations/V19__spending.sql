-- What calls to the model cost, in micro-dollars (millionths of a US dollar), and the spending caps of a
-- day. The most that a call can cost is reserved before it, and settled by its cost after it.
--
-- Locks are taken in this order: generations, messages, spending_reservations, daily_usage, users,
-- service_spending. The last is one row a day for all users, so it is locked for the shortest time.

ALTER TABLE generations
    -- The cost of all calls for it.
    ADD COLUMN cost_micro_usd bigint NOT NULL DEFAULT 0,
    DROP CONSTRAINT generations_error_code_check,
    ADD CONSTRAINT generations_error_code_check CHECK (error_code IN ('gemini_overloaded', 'gemini_quota',
        'gemini_billing', 'gemini_key_refused', 'no_answer', 'blocked_by_safety', 'invalid_request', 'timeout',
        'spend_cap_reached', 'internal')) NOT VALID,
    DROP CONSTRAINT generations_wait_reason_check,
    ADD CONSTRAINT generations_wait_reason_check CHECK (wait_reason IN ('rate_limit', 'outage', 'retry',
        'spend_cap')) NOT VALID;

ALTER TABLE daily_usage
    ADD COLUMN cached_tokens         bigint  NOT NULL DEFAULT 0,
    ADD COLUMN thought_tokens        bigint  NOT NULL DEFAULT 0,
    ADD COLUMN cost_micro_usd        bigint  NOT NULL DEFAULT 0,
    -- Calls whose model has no configured price. They count as those to the most expensive model.
    ADD COLUMN unpriced_calls        integer NOT NULL DEFAULT 0,
    -- The sum of the reservations that are not settled.
    ADD COLUMN reserved_micro_usd    bigint  NOT NULL DEFAULT 0,
    -- The highest cap for which a call was refused. Messages are refused under the same or a lower cap.
    ADD COLUMN reached_cap_micro_usd bigint  NOT NULL DEFAULT 0;

-- A new account with the number of a deleted one inherits these too.
ALTER TABLE retired_usage
    ADD COLUMN cost_micro_usd        bigint  NOT NULL DEFAULT 0,
    ADD COLUMN reached_cap_micro_usd bigint  NOT NULL DEFAULT 0;

-- The spending of all users, counted while there is a cap for it.
CREATE TABLE service_spending (
    day                   date   PRIMARY KEY,
    cost_micro_usd        bigint NOT NULL DEFAULT 0,
    reserved_micro_usd    bigint NOT NULL DEFAULT 0,
    reached_cap_micro_usd bigint NOT NULL DEFAULT 0
);

CREATE TABLE spending_reservations (
    -- Of a call for a generation: the owner of its lease.
    id                 uuid        PRIMARY KEY,
    -- NULL once the account is deleted. No foreign key: the service's spending outlives the account.
    user_id            uuid,
    day                date        NOT NULL,
    micro_usd          bigint      NOT NULL,
    counts_for_service boolean     NOT NULL,
    -- When the call has certainly ended, and the sweeper charges it.
    expires_at         timestamptz NOT NULL,
    -- Charged by the sweeper: no longer reserved, but part of the cost. The row stays for a day, so that
    -- the cost is corrected if the worker was only late.
    is_charged         boolean     NOT NULL DEFAULT false
) WITH (fillfactor = 80);
CREATE INDEX spending_reservations_expires_at_idx ON spending_reservations (expires_at);

-- Reserves `amount` for a call, in place of a reservation with the same id. Returns `granted`, or whose cap
-- leaves too little: `user` or `service` because of the cost so far, which marks the cap as reached; `user_busy`
-- or `service_busy` because of what calls under way have reserved. Then nothing else has changed.
--
-- One function, because the user's and the service's share must be checked and taken together.
CREATE FUNCTION reserve_spending(reservation uuid, spender uuid, spending_day date, amount bigint, user_cap bigint,
    service_cap bigint, expires timestamptz) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    earlier      spending_reservations%ROWTYPE;
    own          daily_usage%ROWTYPE;
    service      service_spending%ROWTYPE;
    -- The part of the earlier reservation in the reserved sums, and in the costs.
    was_reserved bigint := 0;
    was_charged  bigint := 0;
    in_service   integer;
BEGIN
    SELECT * INTO earlier FROM spending_reservations WHERE id = reservation FOR NO KEY UPDATE;
    IF earlier.is_charged THEN
        was_charged := earlier.micro_usd;
    ELSE
        was_reserved := coalesce(earlier.micro_usd, 0);
    END IF;
    in_service := coalesce(earlier.counts_for_service, false)::integer;
    SELECT * INTO own FROM daily_usage WHERE user_id = spender AND day = spending_day FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        INSERT INTO daily_usage (user_id, day) SELECT id, spending_day FROM users WHERE id = spender
        ON CONFLICT DO NOTHING;
        SELECT * INTO own FROM daily_usage WHERE user_id = spender AND day = spending_day FOR NO KEY UPDATE;
    END IF;
    IF own.cost_micro_usd - was_charged + amount > user_cap THEN
        UPDATE daily_usage SET reached_cap_micro_usd = greatest(reached_cap_micro_usd, user_cap)
        WHERE user_id = spender AND day = spending_day;
        RETURN 'user';
    ELSIF own.cost_micro_usd - was_charged + own.reserved_micro_usd - was_reserved + amount > user_cap THEN
        RETURN 'user_busy';
    END IF;
    IF service_cap IS NOT NULL THEN
        SELECT * INTO service FROM service_spending WHERE day = spending_day FOR NO KEY UPDATE;
        IF NOT FOUND THEN
            INSERT INTO service_spending (day) VALUES (spending_day) ON CONFLICT DO NOTHING;
            SELECT * INTO service FROM service_spending WHERE day = spending_day FOR NO KEY UPDATE;
        END IF;
        IF service.cost_micro_usd - was_charged * in_service + amount > service_cap THEN
            UPDATE service_spending SET reached_cap_micro_usd = greatest(reached_cap_micro_usd, service_cap)
            WHERE day = spending_day;
            RETURN 'service';
        ELSIF service.cost_micro_usd + service.reserved_micro_usd
            - (was_charged + was_reserved) * in_service + amount > service_cap THEN
            RETURN 'service_busy';
        END IF;
    END IF;
    INSERT INTO spending_reservations (id, user_id, day, micro_usd, counts_for_service, expires_at)
    VALUES (reservation, spender, spending_day, amount, service_cap IS NOT NULL, expires)
    ON CONFLICT (id) DO UPDATE SET micro_usd = excluded.micro_usd, counts_for_service = excluded.counts_for_service,
        expires_at = excluded.expires_at, is_charged = false;
    UPDATE daily_usage SET cost_micro_usd = cost_micro_usd - was_charged,
        reserved_micro_usd = reserved_micro_usd - was_reserved + amount
    WHERE user_id = spender AND day = spending_day;
    UPDATE service_spending SET cost_micro_usd = cost_micro_usd - was_charged * in_service,
        reserved_micro_usd = reserved_micro_usd - was_reserved * in_service
            + CASE WHEN service_cap IS NOT NULL THEN amount ELSE 0 END
    WHERE day = spending_day AND (service_cap IS NOT NULL OR in_service = 1);
    RETURN 'granted';
END
$$;

-- The previous release reads the state of messages in `messages` and knows neither the reason to wait nor
-- the error code. It reads the nearest ones that it knows.
CREATE OR REPLACE FUNCTION copy_state_to_message() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE messages SET processing_status = NEW.status, attempts = NEW.attempts,
        error_code = CASE NEW.error_code WHEN 'spend_cap_reached' THEN 'gemini_quota' ELSE NEW.error_code END,
        lease_owner = NEW.lease_owner, lease_until = NEW.lease_until,
        wait_reason = CASE NEW.wait_reason WHEN 'spend_cap' THEN 'rate_limit' ELSE NEW.wait_reason END,
        waiting_since = NEW.waiting_since, quota_day = NEW.quota_day, sweep_at = NEW.sweep_at, resends = NEW.resends,
        resends_before = NEW.resends_before, dismissed_at = NEW.dismissed_at, updated_at = NEW.updated_at
    WHERE id = NEW.id;
    RETURN NULL;
END
$$;
