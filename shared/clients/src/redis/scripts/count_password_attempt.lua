-- Counts an attempt at a password, or refuses it for a while.
-- KEYS: the account's known networks, its attempts from this network, its attempts from all
-- unknown networks.
-- ARGV: free attempts from one network, free attempts from all unknown networks, first wait (ms),
-- longest wait (ms), the lifetime of the counters (ms), the client's network.
-- Result: ms to wait; 0 when the attempt is counted for its network and allowed; -2 when it is also
-- counted for all unknown networks; -1 when it is counted for its network, but must be answered as
-- wrong, because the unknown networks have no attempt left. A wait would reveal that a number has no
-- account from which this network is known.
-- The field is called `guesses`, as before a rename: functions of two versions share it.
-- One script, because parallel attempts must not share one count.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local function load(key, free)
    local stored = redis.call('HMGET', key, 'guesses', 'next_at')
    local left = math.max(0, (tonumber(stored[2]) or 0) - now)
    return {key = key, free = tonumber(free), attempts = tonumber(stored[1]) or 0, left = left}
end
local counters = {load(KEYS[2], ARGV[1])}
if counters[1].left > 0 then
    return counters[1].left
end
local result = 0
if not redis.call('ZSCORE', KEYS[1], ARGV[6]) then
    local shared = load(KEYS[3], ARGV[2])
    if shared.left > 0 then
        result = -1
    else
        result = -2
        counters[2] = shared
    end
end
for _, counter in ipairs(counters) do
    local attempts, wait = counter.attempts + 1, 0
    if attempts >= counter.free then
        wait = math.min(ARGV[4], ARGV[3] * 2 ^ math.min(attempts - counter.free, 20))
    end
    redis.call('HSET', counter.key, 'guesses', attempts, 'next_at', string.format('%.0f', now + wait))
    redis.call('PEXPIRE', counter.key, ARGV[5])
end
return result
