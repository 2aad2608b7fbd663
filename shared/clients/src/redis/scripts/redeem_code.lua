-- Uses up one attempt at a one-time code, and the code itself when the attempt is right.
-- KEYS: the code, the last redemption, the known networks of the number's account, the wrong attempts
-- of strangers of the day at the number's codes, and at all codes.
-- ARGV: the hash of the attempt, its network, allowed attempts from one network, the operation that
-- redeems the code, how long it may be repeated (s), attempts reserved for the owner, wrong attempts
-- allowed to strangers of the day at the number's codes, and at all codes, a day (s).
-- Result: for the right code, which is then deleted, when it was issued (microseconds since 1970);
-- 0 if the release before stored it; nil for a wrong code, no code or no attempt left.
-- One script, because parallel attempts must not share one attempt or redeem one code twice.
local redeemed = redis.call('HMGET', KEYS[2], 'operation', 'hash', 'issued_at')
if redeemed[1] == ARGV[4] and redeemed[2] == ARGV[1] then
    return redeemed[3]
end
local hash = redis.call('HGET', KEYS[1], 'hash')
if not hash or redis.call('HINCRBY', KEYS[1], 'from:' .. ARGV[2], 1) > tonumber(ARGV[3]) then
    return false
end
-- A release before did not store which network requested the code.
local requested_from = redis.call('HGET', KEYS[1], 'requested_from')
local is_owner = requested_from == ARGV[2] or requested_from == '*' or redis.call('ZSCORE', KEYS[3], ARGV[2])
local kept = is_owner and 0 or tonumber(ARGV[6])
if tonumber(redis.call('HGET', KEYS[1], 'guesses')) <= kept then
    return false
end
-- A new code gives new attempts, so those of strangers are also counted over all codes.
for i = 4, 5 do
    if not is_owner and tonumber(redis.call('GET', KEYS[i]) or 0) >= tonumber(ARGV[i + 3]) then
        return false
    end
end
redis.call('HINCRBY', KEYS[1], 'guesses', -1)
if hash ~= ARGV[1] then
    for i = 4, 5 do
        if not is_owner and redis.call('INCR', KEYS[i]) == 1 then
            redis.call('EXPIRE', KEYS[i], ARGV[9])
        end
    end
    return false
end
local issued_at = redis.call('HGET', KEYS[1], 'issued_at') or '0'
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[2], 'operation', ARGV[4], 'hash', ARGV[1], 'issued_at', issued_at)
redis.call('EXPIRE', KEYS[2], ARGV[5])
return issued_at
