-- The model that the owner has chosen for a chatroom. NULL: the default of the owner's plan.
ALTER TABLE chatrooms ADD COLUMN model text;
