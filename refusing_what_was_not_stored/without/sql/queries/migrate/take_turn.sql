-- migrate.take_turn: waits until nobody else migrates this database; held until the end of the transaction.
SELECT pg_advisory_xact_lock(hashtext('pgcourier'), hashtext('migrate'));
