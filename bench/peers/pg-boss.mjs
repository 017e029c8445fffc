// pg-boss: two workers of one process, batches of 1,000, the next one at once while they are full.
import { PgBoss } from 'pg-boss';
import { client, counter, jobs, settle, stop, until, url } from './lib.mjs';

const boss = new PgBoss({ connectionString: url, supervise: false, schedule: false });
boss.on('error', (error) => { throw error; });
await client.connect();
await boss.start();
await boss.createQueue('job');
const part = 10000;
for (let from = 0; from < jobs; from += part)
    await boss.insert('job', Array.from({ length: Math.min(part, jobs - from) }, () => ({ data: { body: '1' } })));
await settle();

const { all, count } = counter();
await boss.work('job', { batchSize: 1000, burstWhenBatchFull: true, localConcurrency: 2, pollingIntervalSeconds: 0.5 },
    async (batch) => { count(batch.length); });
await all;
await until("SELECT NOT EXISTS (SELECT FROM pgboss.job WHERE name = 'job' AND state < 'completed')");
stop();
