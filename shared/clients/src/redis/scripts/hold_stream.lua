-- Takes or renews one of a user's places for streams. An earlier stream of the same reader loses its
-- place, and so does the oldest stream if there are too many. They are notified.
-- KEYS: the user's places, a sorted set of streams by the end of their places (ms); the notices.
-- ARGV: the id of the stream, which begins with the time of its start; how long the place lasts (ms);
-- the number of places; how long notices are kept (ms); whether the stream is new (1); the name of its
-- reader, which is the end of the id, or ''.
-- Result: {1 if the stream has a place, the id of the last notice}.
-- One script, because the count and the entry must be atomic.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local last = '0-0'
local newest = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)
if newest[1] then
    last = newest[1][1]
end
local places = redis.call('ZRANGE', KEYS[1], 0, -1)
table.sort(places)
local is_known = redis.call('ZSCORE', KEYS[1], ARGV[1])
-- The start has 15 digits, the random part 32, each before a hyphen.
local function has_same_reader(place)
    return ARGV[6] ~= '' and string.sub(place, 50) == ARGV[6]
end
-- A stream whose reader has connected again since, before this one had a place.
for _, place in ipairs(places) do
    if not is_known and has_same_reader(place) and place > ARGV[1] then
        return {0, last}
    end
end
-- A stream whose place was given to another one must end. One whose place was lost with the set gets
-- it back while there are places.
if ARGV[5] == '0' and not is_known and #places >= tonumber(ARGV[3]) then
    return {0, last}
end
local function replace(place)
    redis.call('ZREM', KEYS[1], place)
    redis.call('XADD', KEYS[2], 'MAXLEN', '~', 100, '*', 'replaced', place)
    redis.call('PEXPIRE', KEYS[2], ARGV[4])
end
if not is_known then
    local others = {}
    for _, place in ipairs(places) do
        if has_same_reader(place) then
            replace(place)
        else
            others[#others + 1] = place
        end
    end
    for number = 1, #others - tonumber(ARGV[3]) + 1 do
        replace(others[number])
    end
end
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return {1, last}
