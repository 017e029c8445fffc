-- A database as SnapSell leaves it behind: Prisma's tables, indexes and constraints to the letter, tables that are not
-- ours, Prisma's record, and rows in every state. Not generated from our migrations: a test compares the two.

CREATE TABLE "tenants" ("id" TEXT NOT NULL, "name" TEXT NOT NULL, "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "updated_at" TIMESTAMP(3) NOT NULL, "whatsapp_phone_number" TEXT, CONSTRAINT "tenants_pkey" PRIMARY KEY ("id"));
CREATE TABLE "users" ("id" TEXT NOT NULL, "tenant_id" TEXT NOT NULL, "email" TEXT NOT NULL, "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, CONSTRAINT "users_pkey" PRIMARY KEY ("id"));
CREATE TABLE "seller_phones" ("id" TEXT NOT NULL, "tenant_id" TEXT NOT NULL, "phone_number" TEXT NOT NULL, "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, CONSTRAINT "seller_phones_pkey" PRIMARY KEY ("id"));
CREATE TABLE "messages_in" ("id" TEXT NOT NULL, "tenant_id" TEXT, "provider_message_id" TEXT NOT NULL, "from" TEXT NOT NULL, "body" TEXT NOT NULL, "media_url" TEXT, "correlation_id" TEXT NOT NULL, "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, CONSTRAINT "messages_in_pkey" PRIMARY KEY ("id"));
CREATE TABLE "messages_out" ("id" TEXT NOT NULL, "tenant_id" TEXT NOT NULL, "to" TEXT NOT NULL, "body" TEXT NOT NULL, "status" TEXT NOT NULL, "attempts" INTEGER NOT NULL DEFAULT 0, "next_attempt_at" TIMESTAMP(3), "last_error" TEXT, "correlation_id" TEXT NOT NULL, "provider_message_id" TEXT, "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "updated_at" TIMESTAMP(3) NOT NULL, CONSTRAINT "messages_out_pkey" PRIMARY KEY ("id"));
CREATE TABLE "dead_letter_jobs" ("id" TEXT NOT NULL, "tenant_id" TEXT NOT NULL, "job_type" TEXT NOT NULL, "payload" JSONB NOT NULL, "error_message" TEXT, "error_stack" TEXT, "attempts" INTEGER NOT NULL DEFAULT 0, "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "resolved_at" TIMESTAMP(3), CONSTRAINT "dead_letter_jobs_pkey" PRIMARY KEY ("id"));
CREATE TABLE "event_log" ("id" TEXT NOT NULL, "tenant_id" TEXT NOT NULL, "event_type" TEXT NOT NULL, "entity_type" TEXT NOT NULL, "entity_id" TEXT, "correlation_id" TEXT NOT NULL, "actor_type" TEXT NOT NULL, "payload" JSONB NOT NULL, "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, CONSTRAINT "event_log_pkey" PRIMARY KEY ("id"));
CREATE TABLE "opt_outs" ("id" TEXT NOT NULL, "tenant_id" TEXT NOT NULL, "phone_number" TEXT NOT NULL, "opted_out_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "updated_at" TIMESTAMP(3) NOT NULL, CONSTRAINT "opt_outs_pkey" PRIMARY KEY ("id"));
CREATE TABLE "live_sessions" ("id" TEXT NOT NULL, "tenant_id" TEXT NOT NULL, CONSTRAINT "live_sessions_pkey" PRIMARY KEY ("id"));

CREATE UNIQUE INDEX "tenants_whatsapp_phone_number_key" ON "tenants"("whatsapp_phone_number");
CREATE UNIQUE INDEX "users_email_key" ON "users"("email");
CREATE UNIQUE INDEX "seller_phones_tenant_id_phone_number_key" ON "seller_phones"("tenant_id", "phone_number");
CREATE INDEX "seller_phones_tenant_id_idx" ON "seller_phones"("tenant_id");
CREATE UNIQUE INDEX "messages_in_tenant_id_provider_message_id_key" ON "messages_in"("tenant_id", "provider_message_id") WHERE "tenant_id" IS NOT NULL;
CREATE UNIQUE INDEX "messages_in_provider_message_id_null_tenant_key" ON "messages_in"("provider_message_id") WHERE "tenant_id" IS NULL;
CREATE INDEX "messages_in_tenant_id_provider_message_id_idx" ON "messages_in"("tenant_id", "provider_message_id");
CREATE INDEX "messages_in_tenant_id_idx" ON "messages_in"("tenant_id");
CREATE INDEX "messages_out_tenant_id_status_idx" ON "messages_out"("tenant_id", "status");
CREATE INDEX "messages_out_tenant_id_correlation_id_idx" ON "messages_out"("tenant_id", "correlation_id");
CREATE INDEX "messages_out_tenant_id_idx" ON "messages_out"("tenant_id");
CREATE UNIQUE INDEX "messages_out_tenant_id_correlation_id_to_key" ON "messages_out"("tenant_id", "correlation_id", "to");
CREATE INDEX "dead_letter_jobs_tenant_id_job_type_resolved_at_idx" ON "dead_letter_jobs"("tenant_id", "job_type", "resolved_at");
CREATE INDEX "dead_letter_jobs_tenant_id_idx" ON "dead_letter_jobs"("tenant_id");
CREATE INDEX "event_log_tenant_id_correlation_id_idx" ON "event_log"("tenant_id", "correlation_id");
CREATE INDEX "event_log_tenant_id_event_type_created_at_idx" ON "event_log"("tenant_id", "event_type", "created_at");
CREATE INDEX "event_log_tenant_id_idx" ON "event_log"("tenant_id");
CREATE UNIQUE INDEX "opt_outs_tenant_id_phone_number_key" ON "opt_outs"("tenant_id", "phone_number");

ALTER TABLE "users" ADD CONSTRAINT "users_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "seller_phones" ADD CONSTRAINT "seller_phones_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "messages_in" ADD CONSTRAINT "messages_in_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants"("id") ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE "messages_out" ADD CONSTRAINT "messages_out_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "dead_letter_jobs" ADD CONSTRAINT "dead_letter_jobs_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "event_log" ADD CONSTRAINT "event_log_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "opt_outs" ADD CONSTRAINT "opt_outs_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "live_sessions" ADD CONSTRAINT "live_sessions_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants"("id") ON DELETE CASCADE ON UPDATE CASCADE;

CREATE TABLE "_prisma_migrations" ("id" VARCHAR(36) PRIMARY KEY NOT NULL, "checksum" VARCHAR(64) NOT NULL, "finished_at" TIMESTAMPTZ, "migration_name" VARCHAR(255) NOT NULL, "logs" TEXT, "rolled_back_at" TIMESTAMPTZ, "started_at" TIMESTAMPTZ NOT NULL DEFAULT now(), "applied_steps_count" INTEGER NOT NULL DEFAULT 0);
INSERT INTO "_prisma_migrations" (id, checksum, migration_name, started_at, finished_at, rolled_back_at, logs, applied_steps_count)
SELECT gen_random_uuid()::text, encode(sha256(m.name::bytea), 'hex'), m.name, at, CASE WHEN m.is_good THEN at + interval '1 second' END,
       CASE WHEN NOT m.is_good THEN at + interval '1 minute' END, CASE WHEN NOT m.is_good THEN 'ERROR: timeout' END, m.is_good::integer
FROM (VALUES
    ('20260204110000_init_tenant_user', true), ('20260204130000_add_auth_role_nextauth', true),
    ('20260205120000_add_tenant_whatsapp_phone', true), ('20260205171901_add_message_out_and_dead_letter_job', true),
    ('20260206090000_add_invitations', true), ('20260207000000_add_message_in_model', false),
    ('20260207000000_add_message_in_model', true), ('20260208000000_add_seller_phones', true),
    ('20260209000000_add_event_log', true), ('20260209100000_add_message_out_unique_tenant_correlation_to', true),
    ('20260209150000_add_opt_out_story_2_5', true), ('20260209160000_drop_opt_outs_redundant_index', true),
    ('20260209170000_add_live_session_story_2_6', true)) AS m (name, is_good),
    LATERAL (SELECT '2026-02-10 10:00:00+00'::timestamptz + random() * interval '1 second') AS t (at);

-- ---- Rows. Times are UTC, as Prisma writes them. -------------------------------------------------------------------

INSERT INTO tenants (id, name, whatsapp_phone_number, created_at, updated_at) VALUES
    ('t1', 'prefixed', 'whatsapp:+33100000001', '2026-02-01 10:00:00', '2026-02-01 10:00:00'),
    ('t2', 'bare', '+33100000002', '2026-02-01 11:00:00', '2026-02-01 11:00:00'),
    ('t3', 'the number of t2 with a prefix', 'whatsapp:+33100000002', '2026-02-01 09:00:00', '2026-02-01 09:00:00'),
    ('t4', 'without a number', NULL, '2026-02-01 12:00:00', '2026-02-01 12:00:00');
INSERT INTO users (id, tenant_id, email) VALUES ('u1', 't1', 'owner@example.com');
INSERT INTO live_sessions (id, tenant_id) VALUES ('l1', 't1');
INSERT INTO seller_phones (id, tenant_id, phone_number, created_at) VALUES
    ('s1', 't1', 'whatsapp:+33600000001', '2026-02-01 10:00:00'),
    ('s2', 't2', 'whatsapp:+33600000002', '2026-02-01 10:00:00'),
    ('s3', 't2', '+33600000002', '2026-02-01 11:00:00');
INSERT INTO messages_in (id, tenant_id, provider_message_id, "from", body, media_url, correlation_id, created_at) VALUES
    ('in-seller', 't1', 'SM01', 'whatsapp:+33600000001', 'A12 15', NULL, 'c1', '2026-02-10 10:00:01'),
    ('in-client', 't1', 'SM02', 'whatsapp:+33612345678', 'A12', 'https://example.com/1.jpg', 'c2', '2026-02-10 10:00:02'),
    ('in-other-shop', 't2', 'SM03', 'whatsapp:+33600000001', 'hello', NULL, 'c3', '2026-02-10 10:00:03'),
    ('in-unknown', NULL, 'SM04', 'whatsapp:+33612345678', 'anybody?', NULL, 'c4', '2026-02-10 10:00:04'),
    ('in-twice-1', NULL, 'SM05', 'whatsapp:+33612345679', 'twice', NULL, 'c5', '2026-02-10 10:00:05'),
    ('in-twice-2', 't2', 'SM05', 'whatsapp:+33612345679', 'twice', NULL, 'c6', '2026-02-10 10:00:06');
INSERT INTO messages_out (id, tenant_id, "to", body, status, attempts, next_attempt_at, last_error, correlation_id, provider_message_id, created_at, updated_at)
SELECT m.id, m.tenant_id, m."to", 'body of ' || m.id, m.status, m.attempts, utc + m.due, m.error, 'c-' || m.id, m.sid, utc - m.age, utc - m.age
FROM (VALUES
    ('sent', 't1', '+33612345678', 'sent', 0, NULL::interval, NULL, 'SM11', interval '9 minutes'),
    ('blocked', 't1', '+33611111111', 'blocked', 0, NULL, 'opted out', NULL, interval '8 minutes'),
    ('given-up', 't1', 'whatsapp:+33612345678', 'failed', 5, interval '-7 minutes', 'twilio 63016', NULL, interval '10 minutes'),
    ('given-up-without-letter', 't1', '+33612345678', 'failed', 6, interval '-7 minutes', 'twilio 63015', NULL, interval '11 minutes'),
    ('discarded', 't2', '+33612345678', 'failed', 2, interval '-1 minute', 'twilio 21211', NULL, interval '12 minutes'),
    ('pending-with-letter', 't2', '+33612345678', 'pending', 0, NULL, NULL, NULL, interval '13 minutes'),
    ('retried-by-hand', 't2', '+33612345677', 'pending', 0, NULL, NULL, NULL, interval '14 minutes'),
    ('in-flight', 't1', '+33612345678', 'sending', 1, NULL, NULL, NULL, interval '5 minutes'),
    ('in-flight-for-days', 't1', '+33612345677', 'sending', 1, NULL, NULL, NULL, interval '9 days'),
    ('pending-for-hours', 't1', '+33612345678', 'pending', 0, NULL, NULL, NULL, interval '61 minutes'),
    ('failed-for-days', 't2', '+33612345678', 'failed', 3, interval '-2 days', 'HTTP 503', NULL, interval '2 days'),
    ('pending-now', 't1', 'whatsapp:+33612345678', 'pending', 0, NULL, NULL, NULL, interval '2 minutes'),
    ('pending-before', 't1', '+33612345678', 'pending', 0, NULL, NULL, NULL, interval '4 minutes'),
    ('failed-now', 't2', '+33612345676', 'failed', 1, NULL, 'unexpected', NULL, interval '3 minutes'),
    ('failed-later', 't2', '+33612345675', 'failed', 4, interval '10 minutes', 'HTTP 503', NULL, interval '3 minutes'))
    AS m (id, tenant_id, "to", status, attempts, due, error, sid, age),
    LATERAL (SELECT now() AT TIME ZONE 'UTC') AS n (utc);
INSERT INTO dead_letter_jobs (id, tenant_id, job_type, payload, error_message, error_stack, attempts, created_at, resolved_at)
SELECT d.id, d.tenant_id, 'message_out', jsonb_build_object('message_out_id', d.message, 'to', '+33612345678', 'body', 'body of ' || d.message,
       'correlation_id', 'c-' || d.message), 'twilio', 'Error: twilio', 5, '2026-02-10 12:00:00', d.resolved::timestamp
FROM (VALUES ('d1', 't1', 'given-up', NULL), ('d2', 't2', 'discarded', '2026-02-10 13:00:00'), ('d3', 't2', 'pending-with-letter', NULL),
             ('d4', 't2', 'retried-by-hand', '2026-02-10 13:00:00'), ('d5', 't2', 'long-deleted', NULL)) AS d (id, tenant_id, message, resolved);
INSERT INTO event_log (id, tenant_id, event_type, entity_type, entity_id, correlation_id, actor_type, payload, created_at) VALUES
    ('e1', 't1', 'webhook_received', 'message_in', 'in-client', 'c2', 'system', '{}', '2026-02-10 10:00:02'),
    ('e2', 't1', 'message_sent', 'message_out', 'sent', 'c-sent', 'system', '{}', '2026-02-10 10:00:07');
INSERT INTO opt_outs (id, tenant_id, phone_number, opted_out_at, created_at, updated_at) VALUES
    ('p1', 't1', 'whatsapp:+33611111111', '2026-02-05 10:00:00', '2026-02-05 10:00:00', '2026-02-05 10:00:00'),
    ('p2', 't1', '+33611111111', '2026-02-06 10:00:00', '2026-02-06 10:00:00', '2026-02-06 10:00:00'),
    ('p3', 't2', 'whatsapp:+33611111112', '2026-02-07 10:00:00', '2026-02-07 10:00:00', '2026-02-07 10:00:00');
