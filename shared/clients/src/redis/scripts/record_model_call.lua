-- Records how an admitted call ended: corrects its reservation, opens or closes the circuit
-- breaker, pauses or excludes the model.
-- KEYS: tokens and state, see admit_model_call.lua.
-- ARGV: call id, outcome, then by outcome: `responded`: prompt tokens, or ''; `overloaded`:
-- failures that open the circuit, open time (ms); `quota`, `exhausted`: pause (ms). No result.
-- One script, because failures of parallel workers must add up to one count.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local tokens, state = KEYS[1], KEYS[2]
local call, outcome = ARGV[1], ARGV[2]
local function until_at_least(field, time)
    redis.call('HSET', state, field, math.max(tonumber(redis.call('HGET', state, field) or 0), time))
end

if outcome == 'overloaded' then
    local recovering = redis.call('HEXISTS', state, 'open_until') == 1
    local failures = redis.call('HINCRBY', state, 'failures', 1)
    if recovering or failures >= tonumber(ARGV[3]) then
        redis.call('HSET', state, 'open_until', now + ARGV[4])
        redis.call('HDEL', state, 'probe_until')
    end
else
    redis.call('HDEL', state, 'failures', 'open_until', 'probe_until')
    local reserved = redis.call('HGET', tokens, call)
    if outcome == 'responded' and ARGV[3] ~= '' and reserved then
        redis.call('HINCRBY', tokens, 'sum', ARGV[3] - reserved)
        redis.call('HSET', tokens, call, ARGV[3])
    elseif outcome == 'quota' then
        until_at_least('paused_until', now + ARGV[3])
    elseif outcome == 'exhausted' then
        until_at_least('exhausted_until', now + ARGV[3])
    end
end
if redis.call('PTTL', state) < 3600000 then
    redis.call('PEXPIRE', state, 3600000)
end
