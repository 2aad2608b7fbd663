-- The request that asked for an answer: its W3C trace context (`traceparent`) and its id in the logs. The
-- sweeper sends both with a job again. NULL: accepted by an earlier release.
ALTER TABLE generations ADD COLUMN traceparent text, ADD COLUMN request_id text;
