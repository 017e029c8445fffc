// What the peers of a claim have in common: JOBS jobs wait when the clock starts; it stops when the
// last one's completion is in the database. One line of JSON is the answer.
import pg from 'pg';

export const jobs = Number(process.env.JOBS);
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
export function start() {
    started = process.hrtime.bigint();
}
export function stop() {
    const seconds = Number(process.hrtime.bigint() - started) / 1e9;
    console.log(JSON.stringify({ jobs, seconds }));
    process.exit(0);
}

/** A promise and the function that counts jobs until it is resolved. */
export function counter() {
    let resolve;
    let done = 0;
    const all = new Promise((r) => { resolve = r; });
    return { all, count: (n = 1) => { if ((done += n) >= jobs) resolve(); } };
}
