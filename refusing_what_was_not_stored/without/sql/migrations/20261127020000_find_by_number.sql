-- A person's messages are found by the number, the newest first, however many there are. (A BRIN index with bloom filters has a
-- hundredth of the size, but each message that is put where a deleted one was writes a filter of 6 kB to the WAL.)
-- Reads the table once, some 15 s for 10,000,000 messages; its writers wait meanwhile.
CREATE INDEX messages_in_from_idx ON messages_in ("from", created_at);
