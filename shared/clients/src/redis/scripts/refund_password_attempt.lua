-- Reverts a counted attempt and the wait that it caused.
-- KEYS: the counters to which it was added. No result.
-- One script, because a counter must not fall below zero.
for _, counter in ipairs(KEYS) do
    if (tonumber(redis.call('HGET', counter, 'guesses')) or 0) > 0 then
        redis.call('HINCRBY', counter, 'guesses', -1)
        redis.call('HDEL', counter, 'next_at')
    end
end
