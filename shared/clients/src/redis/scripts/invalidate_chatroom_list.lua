-- Replaces a cached chatroom list by a new version with no page.
-- KEYS: the list. ARGV: the new version, how long it is kept (s). No result.
-- One script, because a reader must not find the key without a version.
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'dropped', ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[2])
