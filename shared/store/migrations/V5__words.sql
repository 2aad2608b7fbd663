-- How common each word is, for the planner to choose between the index of words and the newest messages: without it every
-- word is taken for one in 200 messages. ANALYZE reads a sample, however many messages there are; autovacuum repeats it.
CREATE STATISTICS messages_words ON (to_tsvector('simple'::regconfig, content)) FROM messages;
ANALYZE messages;
