-- Who pays: what Stripe said last of a person's subscription, and when it is to be asked again.

CREATE TABLE subscriptions (
    -- Not deleted with the account but before it: Stripe has to be told first.
    user_id              uuid        PRIMARY KEY REFERENCES users,
    customer_id          text        CONSTRAINT subscriptions_customer_id_key UNIQUE,
    -- Of all the subscriptions that Stripe has of the customer, the one that counts.
    subscription_id      text,
    status               text        CHECK (status IN ('active', 'trialing', 'past_due', 'unpaid', 'canceled', 'incomplete',
                                                       'incomplete_expired', 'paused', 'unknown')),
    begun_at             timestamptz,
    period_start         timestamptz,
    period_end           timestamptz,
    cancel_at_period_end boolean     NOT NULL DEFAULT false,
    -- Since when a payment has been due, however many periods have begun meanwhile.
    past_due_since       timestamptz,
    -- The last time they were sent to a checkout page, and until when they can pay on it.
    checkout_opened_at   timestamptz,
    checkout_expires_at  timestamptz,
    -- When the sweeper compares this row with Stripe, should no webhook come before; NULL where nothing can change any more.
    review_at            timestamptz,
    created_at           timestamptz NOT NULL,
    updated_at           timestamptz NOT NULL,
    CONSTRAINT subscriptions_whole_check CHECK ((subscription_id IS NULL) = (status IS NULL AND begun_at IS NULL))
);
CREATE INDEX subscriptions_review_at_idx ON subscriptions (review_at) WHERE review_at IS NOT NULL;
