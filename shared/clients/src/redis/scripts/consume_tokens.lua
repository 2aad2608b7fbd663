-- Takes one token from every bucket, or from none. Needs gcra.lua.
-- KEYS: the buckets. ARGV: max and window (ms) of each bucket.
-- Result: the decision for each bucket, see gcra.lua.
-- One script, because a request is charged to all buckets or to none.
local buckets = {}
for i, key in ipairs(KEYS) do
    buckets[i] = {key, ARGV[2 * i - 1], ARGV[2 * i]}
end
return (consume(buckets))
