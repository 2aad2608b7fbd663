-- Caches a page of the chatroom list, unless the list was invalidated since the page was read.
-- KEYS: the list. ARGV: the version that the reader saw, the page, its lifetime (s), its field. No result.
-- A page in another order that is cached already keeps its end, which this page then has too.
-- One script, because the comparison of versions and the write must be atomic.
if (redis.call('HGET', KEYS[1], 'dropped') or '') == ARGV[1] then
    local pages = redis.call('HLEN', KEYS[1]) - redis.call('HEXISTS', KEYS[1], 'dropped')
    redis.call('HSET', KEYS[1], ARGV[4], ARGV[2])
    if pages == 0 then
        redis.call('EXPIRE', KEYS[1], ARGV[3])
    end
end
