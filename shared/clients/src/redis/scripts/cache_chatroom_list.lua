-- Caches a page of the chatroom list, unless the list was invalidated since the page was read.
-- KEYS: the list. ARGV: the version that the reader saw, the page, its lifetime (s). No result.
-- One script, because the comparison of versions and the write must be atomic.
if (redis.call('HGET', KEYS[1], 'dropped') or '') == ARGV[1] then
    redis.call('HSET', KEYS[1], ARGV[4], ARGV[2])
    redis.call('EXPIRE', KEYS[1], ARGV[3])
end
