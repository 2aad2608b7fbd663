-- Reads a cached session, and looks at the global bucket and that of its user without taking a token.
-- Needs gcra.lua, session_lookup.lua.
-- KEYS: the session, the user's bucket, the global bucket. ARGV: the user id, now (ms), then max and
-- window (ms): on Basic, on Pro, of the global bucket.
-- Result: {0 unknown, 1 active, 2 ended, 3 suspended; ms until the next token of both (0: there is one)}.
-- A script, so that the parsing of an entry has one implementation.
local state, tier = find_session(KEYS[1], ARGV[1], ARGV[2])
local _, _, wait = measure(KEYS[3], tonumber(ARGV[7]), tonumber(ARGV[8]))
if state == 1 then
    local first = tier == 'pro' and 5 or 3
    local _, _, next_token = measure(KEYS[2], tonumber(ARGV[first]), tonumber(ARGV[first + 1]))
    wait = math.max(wait, next_token)
end
return {state, wait}
