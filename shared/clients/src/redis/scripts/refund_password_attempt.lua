-- Reverts a counted attempt and the wait that it caused.
-- KEYS: the same as count_password_attempt.lua. ARGV: the client's network. No result.
-- One script, because a counter must not fall below zero.
local counters = {KEYS[2]}
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
    counters[2] = KEYS[3]
end
for _, counter in ipairs(counters) do
    if (tonumber(redis.call('HGET', counter, 'guesses')) or 0) > 0 then
        redis.call('HINCRBY', counter, 'guesses', -1)
        redis.call('HDEL', counter, 'next_at')
    end
end
