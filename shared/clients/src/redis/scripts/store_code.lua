-- Stores a one-time code and charges it to the rate limits. Needs gcra.lua.
-- KEYS: the code, then the buckets.
-- ARGV: the code's hash, its lifetime (s), allowed attempts, minimum time between two codes (s), the
-- current time (microseconds since 1970), the network that requests the code, then max and window
-- (ms) of each bucket.
-- Result: {ms until another code may be sent (0: now), the decision for each bucket}. The code is
-- stored only when neither refuses. A new code replaces the old one. A code whose attempts are
-- used up stays until it expires, so that another cannot be requested at once.
-- One script, because parallel requests must not send two codes for one charge.
local left = redis.call('PTTL', KEYS[1]) - (ARGV[2] - ARGV[4]) * 1000
if left > 0 then
    return {left, {}}
end
local buckets = {}
for i = 2, #KEYS do
    buckets[i - 1] = {KEYS[i], ARGV[2 * i + 3], ARGV[2 * i + 4]}
end
local decisions, refused = consume(buckets)
if not refused then
    redis.call('DEL', KEYS[1])
    redis.call('HSET', KEYS[1], 'hash', ARGV[1], 'guesses', ARGV[3], 'issued_at', ARGV[5],
        'requested_from', ARGV[6])
    redis.call('EXPIRE', KEYS[1], ARGV[2])
end
return {0, decisions}
