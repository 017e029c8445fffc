// What the peers of a claim have in common: `jobs` jobs wait at first, a tenth more than JOBS. The clock starts when that tenth is
// done, so that Node has compiled what it runs and all connections are there; it stops when the last job's completion is in the
// database. One line of JSON is the answer.
import pg from 'pg';

const warm = Math.ceil(Number(process.env.JOBS) / 10);
export const jobs = Number(process.env.JOBS) + warm;
export const url = process.env.DATABASE_URL;

export const client = new pg.Client(url);

/** As a database is before a run: nothing left to be written, and the planner knows the tables. */
export async function settle() {
    await client.query('VACUUM ANALYZE');
    await client.query('CHECKPOINT');
}

/** Waits until a query that returns one boolean says yes. */
export async function until(query) {
    while (!Object.values((await client.query(query)).rows[0])[0]) await new Promise(setImmediate);
}

let started;
let measured;
export function stop() {
    const seconds = Number(process.hrtime.bigint() - started) / 1e9;
    console.log(JSON.stringify({ jobs: measured, seconds }));
    process.exit(0);
}

/** A promise and the function that counts jobs until it is resolved. */
export function counter() {
    let resolve;
    let done = 0;
    const all = new Promise((r) => { resolve = r; });
    const count = (n = 1) => {
        // What was counted before is completed, but for the batch at hand.
        if (started === undefined && done >= warm) {
            started = process.hrtime.bigint();
            measured = jobs - done;
        }
        done += n;
        if (done >= jobs) resolve();
    };
    return { all, count };
}
