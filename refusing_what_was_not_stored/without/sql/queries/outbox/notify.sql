-- outbox.notify: wakes the senders, because a conversation was freed.
SELECT pg_notify('messages_out', '');
