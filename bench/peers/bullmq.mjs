// BullMQ on Redis: one worker, 100 at once; finished jobs are removed.
import { Queue, Worker } from 'bullmq';
import { counter, jobs, stop } from './lib.mjs';

const connection = { host: '127.0.0.1', port: Number(process.env.REDIS_PORT), maxRetriesPerRequest: null };
const queue = new Queue('job', { connection });
await queue.obliterate({ force: true });
const part = 5000;
for (let from = 0; from < jobs; from += part) {
    await queue.addBulk(Array.from({ length: Math.min(part, jobs - from) },
        () => ({ name: 'job', data: { body: '1' }, opts: { removeOnComplete: true } })));
}

const { all, count } = counter();
const worker = new Worker('job', async () => {}, { connection, concurrency: 100, autorun: false });
worker.on('completed', () => count());
await worker.waitUntilReady();
worker.run();
await all;
stop();
