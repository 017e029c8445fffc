-- limits/writers: what a shop writes, one row a transaction, into a table with the columns and indexes of messages_out and
-- neither triggers nor NOTIFY.
\set t random(1, 99)
\set p random(0, 99999999)
INSERT INTO plain (tenant_id, "to", body)
VALUES ('shop-' || :t, '+336' || lpad(:p::text, 8, '0'),
        'Bonjour, votre commande est prête : venez la chercher quand vous voulez.');
