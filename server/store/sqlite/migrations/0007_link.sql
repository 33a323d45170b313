-- What a robot's bridge said last of a visit's two ways: the message as JSON. Null: nobody is visiting.
ALTER TABLE robot ADD COLUMN live_link TEXT;
