-- What a consumer of PgQ does for a batch: it takes the next one, gets its events and finishes it, each a transaction.
SELECT pgq.next_batch('bench', 'consumer') AS batch \gset
SELECT * FROM pgq.get_batch_events(:batch);
SELECT pgq.finish_batch(:batch) AS finished \gset
