-- Looks at buckets without taking a token. Needs gcra.lua.
-- KEYS: the buckets. ARGV: max and window (ms) of each bucket.
-- Result: ms until every bucket has a token (0: now).
-- A script, so that the reading of a bucket has one implementation.
local wait = 0
for i, key in ipairs(KEYS) do
    local _, _, next_token = measure(key, tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i]))
    wait = math.max(wait, next_token)
end
return wait
