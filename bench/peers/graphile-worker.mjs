// graphile-worker as its page on performance sets it: 24 at once, a local queue of 500, completions
// in batches. DEFAULTS=1: 24 at once and nothing else. PROCESSES=2: two of them, a process each.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { run, makeWorkerUtils, Logger } from 'graphile-worker';
import { client, counter, jobs, settle, stop, until, url } from './lib.mjs';

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
const work = (count) => run({ preset, taskList: { job: () => { count(); } } });

/** The second process: begins when it is told to, and tells how many it did. */
function help() {
    let done = 0;
    const tell = () => {
        if (done > 0) process.send(done);
        done = 0;
    };
    process.on('disconnect', () => process.exit(0));
    process.on('message', async () => {
        await work(() => { if (++done === 500) tell(); });
        setInterval(tell, 20); // what is less than that
    });
    process.send('ready');
}

/** A process that has loaded everything and waits. */
async function helper() {
    const child = fork(fileURLToPath(import.meta.url), [], { env: { ...process.env, IS_HELPER: '1' } });
    await new Promise((resolve) => { child.once('message', resolve); });
    return child;
}

async function main() {
    await client.connect();
    const utils = await makeWorkerUtils({ preset });
    await utils.migrate();
    await utils.release();
    // A transaction each: within one, add_job() takes longer with each job.
    for (let left = jobs; left > 0; left -= 1000)
        await client.query(
            `SELECT graphile_worker.add_job('job', '{"body": "1"}'::json) FROM generate_series(1, $1::integer)`, [Math.min(left, 1000)]);
    await settle();

    const helpers = [];
    for (let n = 1; n < Number(process.env.PROCESSES ?? 1); ++n) helpers.push(await helper());
    const { all, count } = counter();
    for (const child of helpers) {
        child.on('message', count);
        child.send('begin');
    }
    await work(() => count());
    await all;
    await until('SELECT NOT EXISTS (SELECT FROM graphile_worker._private_jobs)');
    stop();
}

if (process.env.IS_HELPER) help();
else await main();
