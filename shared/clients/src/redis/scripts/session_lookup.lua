-- Prepended to each script that reads a cached session.
-- find_session(key, user, now in ms): 1 and the tier when the session is active, 2 when it has
-- ended or belongs to another user, 3 when its account is suspended, 0 when nothing is cached.
-- The entry is "<user id> <tier> <expiry in ms>", or the word "ended" or "suspended", or the word
-- "changed", which keeps a reader from caching what it read from Postgres before the change.
local function find_session(key, user, at)
    local entry = redis.call('GET', key)
    if not entry or entry == 'changed' then
        return 0
    end
    if entry == 'suspended' then
        return 3
    end
    local owner, tier, expires = string.match(entry, '^(%S+) (%S+) (%d+)$')
    if owner ~= user then
        return 2
    end
    if tonumber(expires) > tonumber(at) then
        return 1, tier
    end
    return 0
end
