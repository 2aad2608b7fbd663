-- Uses up one attempt at a one-time code, and the code itself when the attempt is right.
-- KEYS: the code. ARGV: the hash of the attempt, its network, allowed attempts from one network.
-- Result: for the right code, which is then deleted, when it was issued (microseconds since 1970);
-- 0 if the release before stored it; nil for a wrong code, no code or no attempt left.
-- One script, because parallel attempts must not share one attempt or redeem one code twice.
local hash = redis.call('HGET', KEYS[1], 'hash')
if not hash or redis.call('HINCRBY', KEYS[1], 'from:' .. ARGV[2], 1) > tonumber(ARGV[3]) then
    return false
end
if redis.call('HINCRBY', KEYS[1], 'guesses', -1) < 0 or hash ~= ARGV[1] then
    return false
end
local issued_at = redis.call('HGET', KEYS[1], 'issued_at')
redis.call('DEL', KEYS[1])
return issued_at or '0'
