-- outbox.notify: wakes the senders, since a conversation was freed.
SELECT pg_notify('messages_out', '');
