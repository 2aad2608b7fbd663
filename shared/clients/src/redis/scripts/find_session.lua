-- Reads a cached session. Needs session_lookup.lua.
-- KEYS: the session. ARGV: the user id, now (ms).
-- Result: 0 unknown, 1 active, 2 ended.
-- A script, so that the parsing of an entry has one implementation.
return (find_session(KEYS[1], ARGV[1], ARGV[2]))
