// Webhooks taken in by Node, all with fastify, each request's signature verified, one process, 20 connections at most:
//   predecessor  the path that pgcourier replaces: look up the tenant, look up the message, insert it, write the event, put
//                a job into the Redis queue (prepared statements where it had an ORM, which is kinder to it)
//   notify       one INSERT with its NOTIFY a request
//   insert       the same without NOTIFY
//   group        what arrived while the last batch was committed goes into the next: one INSERT and one NOTIFY a batch
import { createHmac, randomUUID, timingSafeEqual } from 'node:crypto';
import { parse } from 'node:querystring';
import fastify from 'fastify';
import pg from 'pg';

const mode = process.argv[2];
const token = process.env.TWILIO_AUTH_TOKEN;
const signedUrl = `http://127.0.0.1:${process.env.PORT}/webhooks/twilio`;
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 20 });
const bare = (address) => address.replace(/^whatsapp:/, '');

function isSigned(form, signature) {
    let text = signedUrl;
    for (const name of Object.keys(form).sort()) text += name + form[name];
    const expected = createHmac('sha1', token).update(text).digest('base64');
    return signature?.length === expected.length && timingSafeEqual(Buffer.from(signature), Buffer.from(expected));
}

const query = (name, text) => (values) => pool.query({ name, text, values });

async function predecessor() {
    await pool.query(`
        CREATE TABLE tenants (id text PRIMARY KEY, name text NOT NULL, whatsapp_phone_number text UNIQUE);
        INSERT INTO tenants SELECT 'shop-' || g, 'Shop ' || g, '+337' || lpad(g::text, 8, '0') FROM generate_series(0, 99) AS g;
        CREATE TABLE messages_in (
            id text PRIMARY KEY, tenant_id text REFERENCES tenants ON DELETE SET NULL, provider_message_id text NOT NULL,
            "from" text NOT NULL, body text NOT NULL, media_url text, correlation_id text NOT NULL,
            created_at timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP);
        CREATE UNIQUE INDEX ON messages_in (tenant_id, provider_message_id) WHERE tenant_id IS NOT NULL;
        CREATE UNIQUE INDEX ON messages_in (provider_message_id) WHERE tenant_id IS NULL;
        CREATE INDEX ON messages_in (tenant_id, provider_message_id);
        CREATE INDEX ON messages_in (tenant_id);
        CREATE TABLE event_log (
            id text PRIMARY KEY, tenant_id text NOT NULL REFERENCES tenants ON DELETE CASCADE, event_type text NOT NULL,
            entity_type text NOT NULL, entity_id text, correlation_id text NOT NULL, actor_type text NOT NULL,
            payload jsonb NOT NULL, created_at timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP);
        CREATE INDEX ON event_log (tenant_id, correlation_id);
        CREATE INDEX ON event_log (tenant_id, event_type, created_at);
        CREATE INDEX ON event_log (tenant_id)`);
    const { Queue } = await import('bullmq');
    const queue = new Queue('webhook-processing', { connection: { host: '127.0.0.1', port: Number(process.env.REDIS_PORT) } });
    await queue.obliterate({ force: true });
    const tenantOf = query('tenant', 'SELECT id FROM tenants WHERE whatsapp_phone_number = $1');
    const known = query('known', 'SELECT id FROM messages_in WHERE tenant_id = $1 AND provider_message_id = $2');
    const insert = query('insert', `INSERT INTO messages_in (id, tenant_id, provider_message_id, "from", body, correlation_id)
                                    VALUES ($1, $2, $3, $4, $5, $6)`);
    const log = query('log', `INSERT INTO event_log (id, tenant_id, event_type, entity_type, entity_id, correlation_id, actor_type, payload)
                              VALUES ($1, $2, 'webhook_received', 'message_in', $3, $4, 'system', '{}')`);
    return async (form) => {
        const tenant = (await tenantOf([bare(form.To)])).rows[0].id;
        if ((await known([tenant, form.MessageSid])).rows.length > 0) return;
        const id = randomUUID();
        const correlation = randomUUID();
        await insert([id, tenant, form.MessageSid, form.From, form.Body, correlation]);
        await log([randomUUID(), tenant, id, correlation]);
        await queue.add('message', { id, tenant, correlation, from: form.From, body: form.Body }, { jobId: form.MessageSid });
    };
}

const inbox = `CREATE TABLE inbox (
    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, key text COLLATE "C" NOT NULL UNIQUE, raw text NOT NULL,
    correlation_id text NOT NULL, received_at timestamptz NOT NULL DEFAULT now())`;

async function lean(wakes) {
    await pool.query(inbox);
    const insert = query('insert', `WITH stored AS (
            INSERT INTO inbox (key, raw, correlation_id) VALUES ($1, $2, $3) ON CONFLICT (key) DO NOTHING RETURNING id)
        SELECT id${wakes ? ", pg_notify('inbox', '')" : ''} FROM stored`);
    return (form, raw) => insert(['msg:' + form.MessageSid, raw, randomUUID()]);
}

async function group() {
    await pool.query(inbox);
    const insert = query('insert', `WITH stored AS (
            INSERT INTO inbox (key, raw, correlation_id)
            SELECT * FROM unnest($1::text[], $2::text[], $3::text[]) ON CONFLICT (key) DO NOTHING RETURNING id)
        SELECT count(*), pg_notify('inbox', '') FROM stored`);
    let waiting = [];
    let isWriting = false;
    async function write() {
        isWriting = true;
        while (waiting.length > 0) {
            const batch = waiting;
            waiting = [];
            try {
                await insert([batch.map((one) => one.key), batch.map((one) => one.raw), batch.map(() => randomUUID())]);
                for (const one of batch) one.resolve();
            } catch (error) {
                for (const one of batch) one.reject(error);
            }
        }
        isWriting = false;
    }
    return (form, raw) => new Promise((resolve, reject) => {
        waiting.push({ key: 'msg:' + form.MessageSid, raw, resolve, reject });
        if (!isWriting) setImmediate(() => { if (!isWriting) write(); });
    });
}

const store = await { predecessor, notify: () => lean(true), insert: () => lean(false), group }[mode]();
const app = fastify();
app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (request, body, done) => done(null, body));
app.post('/webhooks/twilio', async (request, reply) => {
    const form = parse(request.body);
    if (!isSigned(form, request.headers['x-twilio-signature'])) return reply.code(401).send();
    await store(form, request.body);
    return reply.type('text/xml').send('<Response/>');
});
await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT) });
console.log('listening');
