-- Takes one of a user's places for requests that wait, if one is free.
-- KEYS: the user's places, a sorted set of waits by their end (ms).
-- ARGV: the id of the wait, how long it lasts at most (ms), the number of places.
-- Result: 1 if a place was free, else 0.
-- One script, because the count and the entry must be atomic.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) then
    return 0
end
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
-- A short wait must not end the places of longer ones.
redis.call('PEXPIRE', KEYS[1], math.max(redis.call('PTTL', KEYS[1]), tonumber(ARGV[2])))
return 1
