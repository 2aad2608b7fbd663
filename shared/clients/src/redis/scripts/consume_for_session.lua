-- Reads a cached session and takes one token from every bucket. Needs gcra.lua, session_lookup.lua.
-- KEYS: the session, the user's bucket, then the shared buckets.
-- ARGV: the user id, now (ms), then max and window (ms): on Basic, on Pro, of each shared bucket.
-- Result: {session state (see find_session.lua), the limit charged to the user (1 Basic, 2 Pro,
-- 0 none), the decisions for the shared buckets and then for the user's bucket}.
-- One script, because the user's bucket may be charged only for an active session, and a second
-- round trip would cost every request its latency.
local state, tier = find_session(KEYS[1], ARGV[1], ARGV[2])
local buckets = {}
for i = 3, #KEYS do
    buckets[i - 2] = {KEYS[i], ARGV[2 * i + 1], ARGV[2 * i + 2]}
end
local plan = 0
if state == 1 then
    plan = tier == 'pro' and 2 or 1
    buckets[#buckets + 1] = {KEYS[2], ARGV[2 * plan + 1], ARGV[2 * plan + 2]}
end
return {state, plan, (consume(buckets))}
