-- Reads a cached session, and takes one token from the global bucket and from the one that the
-- session decides: the user's if it is active, the address's if it has ended or its account is
-- suspended, none if it is not cached. Needs gcra.lua, session_lookup.lua.
-- KEYS: the session, the user's bucket, the global bucket, the address's bucket.
-- ARGV: the user id, now (ms), then max and window (ms): on Basic, on Pro, of the global bucket, of
-- the address's.
-- Result: {session state (see find_session.lua), the limit charged beside the global one (0 none,
-- 1 Basic, 2 Pro, 3 the address's), the decisions for the global bucket and then for that one}.
-- One script, because the session decides what is charged, and a second round trip would cost
-- every request its latency.
local state, tier = find_session(KEYS[1], ARGV[1], ARGV[2])
local buckets = {{KEYS[3], ARGV[7], ARGV[8]}}
local charged = 0
if state == 1 then
    charged = tier == 'pro' and 2 or 1
    buckets[2] = {KEYS[2], ARGV[2 * charged + 1], ARGV[2 * charged + 2]}
elseif state > 1 then
    charged = 3
    buckets[2] = {KEYS[4], ARGV[9], ARGV[10]}
end
return {state, charged, (consume(buckets))}
