-- The schema before the migrations from V15 on, with the data that it had.
DROP TRIGGER messages_of_previous_release ON messages;
DROP TRIGGER message_state_of_previous_release ON messages;
DROP TRIGGER deletions_of_previous_release ON messages;
DROP TRIGGER delete_feedback_of_messages ON messages;
DROP TRIGGER count_answer ON messages;
DROP TABLE generations, generation_backfill, feedback, daily_ratings, service_spending, spending_reservations;
DROP FUNCTION complete_message_of_previous_release, copy_state_to_generation, delete_generations_of_messages,
    copy_state_to_message, last_active_generation, delete_feedback_of_messages, count_answer, count_rating, reserve_spending;
DELETE FROM messages WHERE NOT on_active_branch;
ALTER TABLE messages DROP COLUMN generation_id, DROP COLUMN parent_generation_id, DROP COLUMN active_generation_id,
    DROP COLUMN on_active_branch;
ALTER TABLE chatrooms DROP COLUMN has_branches, DROP COLUMN model, DROP COLUMN title_state, DROP COLUMN title_generation_id,
    DROP COLUMN title_owner, DROP COLUMN title_due_at, DROP COLUMN title_resends, DROP COLUMN client_id;
ALTER TABLE daily_usage DROP COLUMN cached_tokens, DROP COLUMN thought_tokens, DROP COLUMN cost_micro_usd,
    DROP COLUMN unpriced_calls, DROP COLUMN reserved_micro_usd, DROP COLUMN reached_cap_micro_usd, DROP COLUMN titles;
ALTER TABLE retired_usage DROP COLUMN cost_micro_usd, DROP COLUMN reached_cap_micro_usd;
