-- Counts an attempt at a password, or refuses it for a while.
-- KEYS: the account's known networks, its attempts from this network, its attempts from all
-- unknown networks.
-- ARGV: free attempts from one network, free attempts from all unknown networks, first wait (ms),
-- longest wait (ms), the lifetime of the counters (ms), the client's network.
-- Result: ms to wait; 0 when the attempt is counted and allowed.
-- The field is called `guesses`, as before a rename: functions of two versions share it.
-- One script, because parallel attempts must not share one count.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local counters = {{KEYS[2], tonumber(ARGV[1])}}
if not redis.call('ZSCORE', KEYS[1], ARGV[6]) then
    counters[2] = {KEYS[3], tonumber(ARGV[2])}
end
local left = 0
for _, counter in ipairs(counters) do
    local stored = redis.call('HMGET', counter[1], 'guesses', 'next_at')
    counter.attempts = tonumber(stored[1]) or 0
    left = math.max(left, (tonumber(stored[2]) or 0) - now)
end
if left > 0 then
    return left
end
for _, counter in ipairs(counters) do
    local attempts, wait = counter.attempts + 1, 0
    if attempts >= counter[2] then
        wait = math.min(ARGV[4], ARGV[3] * 2 ^ math.min(attempts - counter[2], 20))
    end
    redis.call('HSET', counter[1], 'guesses', attempts, 'next_at', string.format('%.0f', now + wait))
    redis.call('PEXPIRE', counter[1], ARGV[5])
end
return 0
