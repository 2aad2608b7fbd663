-- What a client of `POST /api/chat` calls a chatroom: the id that its page has made. NULL: nothing. The index
-- that makes it unique for each owner is in concurrent_indexes.sql.
ALTER TABLE chatrooms ADD COLUMN client_id text;
