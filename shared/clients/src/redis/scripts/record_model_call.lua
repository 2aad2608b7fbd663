-- Records how an admitted call ended: corrects its reservation, opens or closes the circuit
-- breaker, pauses or excludes the model, and keeps the last refusal of the account.
-- KEYS: the tokens and the state, see admit_model_call.lua; the failures since the last success, by
-- user.
-- ARGV: call id, outcome, user, then by outcome: `responded`: prompt tokens, or ''; `overloaded`:
-- failures that open the circuit, open time (ms); `quota`: requested, shortest and longest pause
-- (ms); `exhausted`: pause (ms); `refused`: error code, how long it is kept (ms).
-- Result: the ms that the model is paused for after `quota`, else 0.
-- One script, because failures of parallel workers must add up to one count.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local tokens, state, failures = KEYS[1], KEYS[2], KEYS[3]
local call, outcome, user = ARGV[1], ARGV[2], ARGV[3]
local function at(field) return tonumber(redis.call('HGET', state, field) or 0) end
local function until_at_least(field, time) redis.call('HSET', state, field, math.max(at(field), time)) end

-- One user counts for at most half of the failures that open the circuit, so that a user whose
-- prompts always fail cannot stop the calls of all others.
local function is_outage(threshold)
    local counted, users = 0, 0
    for _, count in ipairs(redis.call('HVALS', failures)) do
        users = users + 1
        counted = counted + math.min(tonumber(count), math.ceil(threshold / 2))
    end
    return users >= 2 and counted >= threshold
end

local pause = 0
if outcome == 'overloaded' then
    if at('open_until') == 0 then
        redis.call('HINCRBY', failures, user, 1)
        redis.call('PEXPIRE', failures, 3600000)
        if is_outage(tonumber(ARGV[4])) then
            redis.call('HSET', state, 'open_until', now + ARGV[5])
        end
    elseif at('open_until') <= now then
        -- A failed probe opens the circuit again, unless the same user's probe failed before it.
        if redis.call('HGET', state, 'probe_user') ~= user then
            redis.call('HSET', state, 'open_until', now + ARGV[5], 'probe_user', user)
        end
        redis.call('HDEL', state, 'probe_until')
    end
else
    redis.call('DEL', failures)
    redis.call('HDEL', state, 'open_until', 'probe_until', 'probe_user')
    if outcome == 'responded' then
        redis.call('HDEL', state, 'refusals', 'refused_code', 'refused_until')
        local reserved = redis.call('HGET', tokens, call)
        if ARGV[4] ~= '' and reserved then
            redis.call('HINCRBY', tokens, 'sum', ARGV[4] - reserved)
            redis.call('HSET', tokens, call, ARGV[4])
        end
    elseif outcome == 'quota' then
        -- Calls already under way when the pause began are refused too, and do not lengthen it.
        if at('paused_until') <= now then
            redis.call('HINCRBY', state, 'refusals', 1)
        end
        local doublings = math.min(math.max(at('refusals') - 1, 0), 16)
        local growing = math.min(ARGV[5] * 2 ^ doublings, tonumber(ARGV[6]))
        until_at_least('paused_until', now + math.max(tonumber(ARGV[4]), growing))
        pause = at('paused_until') - now
    elseif outcome == 'exhausted' then
        until_at_least('exhausted_until', now + ARGV[4])
    elseif outcome == 'refused' then
        redis.call('HSET', state, 'refused_code', ARGV[4], 'refused_until', now + ARGV[5])
    end
end
if redis.call('PTTL', state) < 3600000 then
    redis.call('PEXPIRE', state, 3600000)
end
return pause
