// graphile-worker as its page on performance sets it: 24 at once, a local queue of 500, completions
// in batches. DEFAULTS=1: 24 at once and nothing else.
import { run, makeWorkerUtils, Logger } from 'graphile-worker';
import { client, counter, jobs, settle, start, stop, until, url } from './lib.mjs';

const tuned = { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 };
const preset = {
    worker: {
        connectionString: url,
        concurrentJobs: 24,
        maxPoolSize: 25,
        logger: new Logger(() => () => {}),
        ...(process.env.DEFAULTS ? {} : tuned),
    },
};

await client.connect();
const utils = await makeWorkerUtils({ preset });
await utils.migrate();
await utils.release();
// A transaction each: within one, add_job() takes longer with each job.
for (let left = jobs; left > 0; left -= 1000)
    await client.query(
        `SELECT graphile_worker.add_job('job', '{"body": "1"}'::json) FROM generate_series(1, $1::integer)`, [Math.min(left, 1000)]);
await settle();

const { all, count } = counter();
start();
await run({ preset, taskList: { job: () => { count(); } } });
await all;
await until('SELECT NOT EXISTS (SELECT FROM graphile_worker._private_jobs)');
stop();
