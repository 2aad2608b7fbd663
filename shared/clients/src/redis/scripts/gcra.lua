-- The generic cell rate algorithm, prepended to each script that charges rate limits. Each bucket
-- is one key that holds the time (ms) at which the bucket is full again, and expires then.
-- consume(buckets): buckets is a list of {key, max, window in ms}. It takes one token from every
-- bucket, or from none when any bucket is empty.
-- Result: for each bucket {tokens left, ms until full, ms until the next token (0: allowed)},
-- and whether the request was refused.
-- One script, because the decision over all buckets and their charges must be atomic.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
-- When a bucket is full again, the time that one token takes to refill, and the ms until the next
-- token (0: there is one).
local function measure(key, max, window)
    local interval = window / max
    local full_at = math.max(tonumber(redis.call('GET', key) or 0), now)
    local wait = full_at + interval - window - now
    return full_at, interval, wait > 0.5 and math.ceil(wait) or 0
end
local function consume(buckets)
    local refused = false
    for _, bucket in ipairs(buckets) do
        bucket.full_at, bucket.interval, bucket.wait = measure(bucket[1], tonumber(bucket[2]), tonumber(bucket[3]))
        refused = refused or bucket.wait > 0
    end
    local decisions = {}
    for _, bucket in ipairs(buckets) do
        local wait = bucket.wait
        if not refused then
            bucket.full_at = bucket.full_at + bucket.interval
            redis.call('SET', bucket[1], string.format('%.3f', bucket.full_at), 'PX', math.ceil(bucket.full_at - now))
        end
        local left = math.floor((now + bucket[3] - bucket.full_at) / bucket.interval + 0.001)
        decisions[#decisions + 1] = {wait > 0 and 0 or math.max(0, left), math.ceil(bucket.full_at - now), wait}
    end
    return decisions, refused
end
