-- The titles of chatrooms that their owners have not named. The index of `title_due_at` is in
-- concurrent_indexes.sql.
--
-- `name` always has a text, for the previous release. It is a fixed placeholder while `title_state` is
-- 'wanted'. The first stored answer replaces it by the first words of the question, and the model's title
-- replaces those. The owner's own name clears `title_state`.

ALTER TABLE chatrooms
    -- NULL: no title is wanted. 'wanted': once there is an answer. 'due': there is one.
    ADD COLUMN title_state         text,
    -- The generation whose question and answer get the title.
    ADD COLUMN title_generation_id uuid,
    -- Who makes the title, until `title_due_at`. Every later write requires it.
    ADD COLUMN title_owner         uuid,
    -- When the sweeper sends its job. NULL unless it is due.
    ADD COLUMN title_due_at        timestamptz,
    ADD COLUMN title_resends       smallint NOT NULL DEFAULT 0,
    ADD CONSTRAINT chatrooms_title_state_check CHECK (title_state IN ('wanted', 'due')) NOT VALID;

ALTER TABLE daily_usage
    -- The calls for titles.
    ADD COLUMN titles integer NOT NULL DEFAULT 0;
