-- The page of an open invoice, and customers at Stripe that no account has but that pay for a user.

-- NULL on existing rows until their next comparison with Stripe.
ALTER TABLE subscriptions ADD COLUMN invoice_url text;

-- A customer with a subscription whose metadata names the user. While there is a row, the user can
-- open no checkout page. The previous release neither reads nor writes this table.
CREATE TABLE unknown_customers (
    user_id     uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    customer_id text        NOT NULL,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (user_id, customer_id)
);
