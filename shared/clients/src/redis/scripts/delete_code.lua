-- Deletes a one-time code that could not be sent and refunds its charge.
-- KEYS: the code, then the buckets. ARGV: max and window (ms) of each bucket. No result.
-- One script, because the refund reads a bucket and writes it back.
redis.call('DEL', KEYS[1])
for i = 2, #KEYS do
    local full_at, left = tonumber(redis.call('GET', KEYS[i]) or 0), redis.call('PTTL', KEYS[i])
    local interval = ARGV[2 * i - 2] / ARGV[2 * i - 3]
    if left > interval then
        redis.call('SET', KEYS[i], string.format('%.3f', full_at - interval), 'PX', math.ceil(left - interval))
    elseif left > 0 then
        redis.call('DEL', KEYS[i])
    end
end
