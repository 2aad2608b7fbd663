-- Admits a call to a model, or returns how long the call must wait.
-- KEYS: the calls of the last minute by time; the tokens reserved by each call, and `sum`; the
-- state: pauses, circuit breaker, end of the waiting line; the places of the call's user in the line,
-- a sorted set of calls by the time of their turn (ms).
-- ARGV: call id, tokens to reserve, requests a minute, tokens a minute, window (ms), whether the
-- call has waited before (0, 1), the longest it can wait (ms), how long one probe of an open
-- circuit excludes others (ms), the most places of one user, the id of what waits, over all its calls.
-- Result: {0 granted, 1 wait for the quota, 2 wait for the vendor to recover, 3 model exhausted;
-- ms to wait}.
-- One script, because parallel workers must not share the last free place in the quota.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local calls, tokens, state = KEYS[1], KEYS[2], KEYS[3]
local call, wanted, window = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[5])
local max_calls, max_tokens = tonumber(ARGV[3]), tonumber(ARGV[4])
local places, max_places, waiting = KEYS[4], tonumber(ARGV[9]), ARGV[10]
local function at(field) return tonumber(redis.call('HGET', state, field) or 0) end

if at('exhausted_until') > now then
    return {3, at('exhausted_until') - now}
end
local recovering = at('open_until') > 0
if at('open_until') > now then
    return {2, at('open_until') - now}
elseif recovering and at('probe_until') > now then
    return {2, math.min(at('probe_until') - now, 20000)}
end

-- Remove the calls that have left the window.
local expired = redis.call('ZRANGEBYSCORE', calls, '-inf', now - window)
for _, old in ipairs(expired) do
    redis.call('HINCRBY', tokens, 'sum', 0 - (redis.call('HGET', tokens, old) or 0))
    redis.call('HDEL', tokens, old)
end
redis.call('ZREMRANGEBYSCORE', calls, '-inf', now - window)

local wait = at('paused_until') - now
local count = redis.call('ZCARD', calls)
if count >= max_calls then
    local leaving = redis.call('ZRANGE', calls, count - max_calls, count - max_calls, 'WITHSCORES')
    wait = math.max(wait, leaving[2] + window - now)
end
local missing = tonumber(redis.call('HGET', tokens, 'sum') or 0) + wanted - max_tokens
if missing > 0 then
    local oldest = redis.call('ZRANGE', calls, 0, -1, 'WITHSCORES')
    for i = 1, #oldest, 2 do
        missing = missing - (redis.call('HGET', tokens, oldest[i]) or 0)
        if missing <= 0 then
            wait = math.max(wait, oldest[i + 1] + window - now)
            break
        end
    end
end
local in_line = math.max(wait, at('line') - now)
if wait > 0 or ARGV[6] == '0' and in_line > 0 then
    local max_wait = tonumber(ARGV[7])
    -- A call that has waited and narrowly missed its turn must not fail for lack of time to queue
    -- at the end of the line again.
    if ARGV[6] == '1' and wait <= max_wait and in_line > max_wait then
        return {1, math.ceil(wait)}
    end
    -- A user has no more unfinished calls than places, so one of these places is that of a call that
    -- was cancelled. The new call takes over the last one, so that cancelling and sending again does
    -- not make the line longer for others.
    redis.call('ZREMRANGEBYSCORE', places, '-inf', now)
    local held = redis.call('ZRANGE', places, 0, -1, 'WITHSCORES')
    if #held / 2 >= max_places and not redis.call('ZSCORE', places, waiting) then
        wait = math.max(wait, held[#held] - now)
        if wait <= max_wait then
            redis.call('ZREM', places, held[#held - 1])
            redis.call('ZADD', places, now + wait, waiting)
        end
        return {1, math.ceil(wait)}
    end
    wait = in_line
    if wait <= max_wait then
        redis.call('ZADD', places, now + wait, waiting)
        redis.call('PEXPIRE', places, math.ceil(wait + window))
        local place = math.max(window / max_calls, window * wanted / max_tokens)
        redis.call('HSET', state, 'line', math.ceil(now + wait + place))
        redis.call('PEXPIRE', state, math.max(3600000, wait + window))
    end
    return {1, math.ceil(wait)}
end

redis.call('HINCRBY', tokens, 'sum', wanted - (redis.call('HGET', tokens, call) or 0))
redis.call('HSET', tokens, call, wanted)
redis.call('ZADD', calls, now, call)
redis.call('PEXPIRE', tokens, 2 * window)
redis.call('PEXPIRE', calls, 2 * window)
if recovering then
    redis.call('HSET', state, 'probe_until', now + ARGV[8])
end
return {0, 0}
