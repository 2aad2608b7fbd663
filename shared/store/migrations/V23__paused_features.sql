-- Operators can pause features, which leaves an entry too. A feature has no id: its entries have the
-- id of zeros, and the result names it. The previous release cannot list such entries.
ALTER TABLE operator_actions DROP CONSTRAINT operator_actions_target_type_check;
ALTER TABLE operator_actions ADD CONSTRAINT operator_actions_target_type_check
    CHECK (target_type IN ('account', 'job', 'feature')) NOT VALID;
ALTER TABLE operator_actions VALIDATE CONSTRAINT operator_actions_target_type_check;
