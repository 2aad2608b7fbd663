-- Uses up one attempt at a one-time code, and the code itself when the attempt is right.
-- KEYS: the code. ARGV: the hash of the attempt.
-- Result: 1 for the right code, which is then deleted; 0 for a wrong code, no code or no attempt
-- left.
-- One script, because parallel attempts must not share one attempt or redeem one code twice.
local hash = redis.call('HGET', KEYS[1], 'hash')
if not hash or redis.call('HINCRBY', KEYS[1], 'guesses', -1) < 0 or hash ~= ARGV[1] then
    return 0
end
redis.call('DEL', KEYS[1])
return 1
