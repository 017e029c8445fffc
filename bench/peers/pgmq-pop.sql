-- What a worker on pgmq does for a batch when it takes and deletes it in one transaction, with its work in between.
SELECT array_agg(m.message) AS messages FROM pgmq.pop('bench', :batch) AS m \gset
