-- Adds a network to an account's known networks and drops the oldest beyond the maximum.
-- KEYS: the account's known networks. ARGV: the network, how many are kept, for how long (s).
-- No result.
-- One script, because the score is the time on Redis's own clock.
redis.call('ZADD', KEYS[1], redis.call('TIME')[1], ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -ARGV[2] - 1)
redis.call('EXPIRE', KEYS[1], ARGV[3])
