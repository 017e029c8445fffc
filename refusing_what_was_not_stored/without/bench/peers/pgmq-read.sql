-- What a worker on pgmq does for a batch: read, then delete, each a transaction.
SELECT array_agg(m.msg_id) AS ids, array_agg(m.message) AS messages FROM pgmq.read('bench', 30, :batch) AS m \gset
SELECT count(*) AS deleted FROM pgmq.delete('bench', :ids) \gset
