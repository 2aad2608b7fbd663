-- When a subscription ends, if it is set to end. NULL on existing rows until their next comparison
-- with Stripe.

ALTER TABLE subscriptions ADD COLUMN ends_at timestamptz;
