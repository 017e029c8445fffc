// node draw.mjs RESULTS DOCS: draws charts of what the benches wrote as JSON into RESULTS, as SVG, and writes DOCS/README.md
// with their tables. Every figure on a chart and in a table is one of the JSON, which is copied beside them.
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import * as vega from 'vega';
import * as vegaLite from 'vega-lite';

const [results, docs] = process.argv.slice(2);
mkdirSync(docs, { recursive: true });

const colours = { pgcourier: '#0b7a4b', SQL: '#b8bec6', others: '#4a7fb5' };
const kindOf = (who) => who.startsWith('pgcourier') ? 'pgcourier' : who.startsWith('SQL') ? 'SQL' : 'others';
const config = {
    font: 'DejaVu Sans, Arial, sans-serif', background: 'white', padding: 16,
    title: { anchor: 'start', fontSize: 16, subtitleFontSize: 11, subtitleColor: '#5a6370', offset: 14, subtitlePadding: 6 },
    axis: { labelFontSize: 12, titleFontSize: 12, titleFontWeight: 'normal', titleColor: '#5a6370', gridColor: '#eceff2', domainColor: '#b8bec6',
            tickColor: '#b8bec6', labelLimit: 600 },
    legend: { labelFontSize: 12, titleFontSize: 12, titleFontWeight: 'normal', labelLimit: 600 },
    header: { labelFontSize: 12, titleFontSize: 12, titleFontWeight: 'normal', titleColor: '#5a6370' },
    view: { stroke: null },
};

/** A bench that was not run here keeps what is in DOCS. */
function load(bench) {
    const kept = `${docs}/${bench}.json`;
    if (existsSync(`${results}/${bench}.json`)) copyFileSync(`${results}/${bench}.json`, kept);
    return existsSync(kept) ? JSON.parse(readFileSync(kept, 'utf8')) : undefined;
}

const machine = (run) => `${run.processor}, ${run.processors} processors for everything, ${run.memory_gib} GiB, PostgreSQL ${run.postgres} durable, ${run.date}`;
const program = (run) => run.commit ? ` Commit ${run.commit}, ${run.compiler}; PostgreSQL with ${run.settings}.` : '';

async function draw(name, run, { title, subtitle, ...spec }) {
    const whole = { $schema: 'https://vega.github.io/schema/vega-lite/v6.json', config,
                    title: { text: title, subtitle: [subtitle, machine(run)] }, ...spec };
    const view = new vega.View(vega.parse(vegaLite.compile(whole).spec), { renderer: 'none' });
    writeFileSync(`${docs}/${name}.svg`, await view.toSVG());
    console.log(name);
    charts.push({ name, title });
}
const charts = [];

const rounds = (figure) => figure.rounds.split(' ').map(Number);
const thousands = { labelExpr: "datum.value === 0 ? '0' : format(datum.value, '~s')" };
const rate = (value) => value >= 10000 ? `${(value / 1000).toFixed(0)}k` : value >= 1000 ? `${(value / 1000).toFixed(1)}k` : value.toFixed(0);

/** Horizontal bars, the fastest at the top, with a line from the slowest to the fastest round. */
function bars(rows, unit) {
    const values = rows.map((row) => ({ who: row.who, value: row.value, low: Math.min(...rounds(row)), high: Math.max(...rounds(row)),
                                        kind: kindOf(row.who), text: rate(row.value) })).sort((a, b) => b.value - a.value);
    const y = { field: 'who', type: 'nominal', sort: values.map((v) => v.who), title: null, axis: { ticks: false, domain: false, labelPadding: 8, labelLimit: 600 } };
    return {
        width: 620, height: { step: 30 }, data: { values },
        layer: [
            { mark: { type: 'bar', height: 19 },
              encoding: { y, x: { field: 'value', type: 'quantitative', title: unit, axis: thousands },
                          color: { field: 'kind', type: 'nominal', legend: null, scale: { domain: Object.keys(colours), range: Object.values(colours) } } } },
            { mark: { type: 'rule', color: '#1d2733', strokeWidth: 1.2 }, encoding: { y, x: { field: 'low', type: 'quantitative' }, x2: { field: 'high' } } },
            { mark: { type: 'text', align: 'left', dx: 8, fontSize: 12, color: '#1d2733' },
              encoding: { y, x: { field: 'high', type: 'quantitative' }, text: { field: 'text' } } },
        ],
    };
}

async function drawPeers(run) {
    const of = (group, kind) => run.figures.filter((f) => f.group === group && f.kind === kind);
    const titles = {
        claim: ['Jobs claimed and completed, without work', 'jobs a second; median of the rounds, line: slowest to fastest round; every job is a few bytes'],
        route: ['Webhooks routed with all effects, against the same in SQL alone', 'events a second; median of the rounds, line: slowest to fastest round'],
        webhooks: ['Webhooks acknowledged after COMMIT, 64 connections', 'requests a second; median of the rounds, line: slowest to fastest round'],
    };
    for (const [group, [title, subtitle]] of Object.entries(titles)) {
        const rows = of(group, undefined);
        if (rows.length > 0) await draw(`peers-${group}`, run, { title, subtitle, ...bars(rows, 'a second') });
    }
    const latencies = of('webhooks', 'latency');
    if (latencies.length === 0) return;
    await draw('peers-webhooks-latency', run, {
        title: 'How long a webhook waits for its 200, 64 connections that never pause',
        subtitle: 'each at its own highest rate: see the chart of rates',
        width: 620, height: 320, ...distributions(latencies, 'share of the requests that were answered within'),
    });
}

const otherColours = ['#4a7fb5', '#d08b2c', '#8a63a8', '#c0504d', '#7f7f7f'];

/** A line for each who: how long it took for which share; named in the order of their p99. */
function distributions(figures, shares) {
    const p99 = (who) => figures.find((f) => f.who === who && f.share === '0.99').value;
    const order = [...new Set(figures.map((f) => f.who))].sort((a, b) => p99(a) - p99(b));
    const others = order.filter((who) => kindOf(who) !== 'pgcourier');
    return {
        data: { values: figures.map((f) => ({ who: f.who, ms: f.value, place: String(Number(f.share) * 100).slice(0, 4) + ' %' })) },
        mark: { type: 'line', point: true, strokeWidth: 2 },
        encoding: {
            x: { field: 'place', type: 'ordinal', sort: null, title: shares, axis: { labelAngle: 0, grid: false } },
            y: { field: 'ms', type: 'quantitative', scale: { type: 'log' }, title: 'ms', axis: { format: '~g' } },
            color: { field: 'who', type: 'nominal', title: null, sort: order,
                     scale: { domain: order, range: order.map((who) => others.includes(who) ? otherColours[others.indexOf(who) % 5] : colours.pgcourier) } },
        },
    };
}

async function drawLatency(run) {
    const figures = run.figures.filter((f) => f.part === 'distribution');
    const words = { idle: 'one message at a time through an idle service', 'under load': 'webhooks at half of the rate that is routed as fast as it is answered' };
    for (const [load, subtitle] of Object.entries(words)) {
        const lines = figures.filter((f) => f.load === load);
        if (lines.length === 0) continue;
        await draw(`latency-${load.replace(' ', '-')}`, run, {
            title: `How long it takes, ${load}`, subtitle,
            width: 620, height: 320, ...distributions(lines, 'share of the messages for which it took at most'),
        });
    }
}

const short = (count) => count >= 1e6 ? `${count / 1e6}M` : `${count / 1e3}k`;

async function drawClaim(run) {
    const values = run.figures.filter((f) => f.who && f.who !== 'share of SQL').map((f) => ({
        ...f, batch: `batch ${f.batch}`, waiting: short(Number(f.backlog)), place: Number(f.backlog) * 10 + (f.who === 'pgcourier' ? 0 : 1),
        threads: f.threads === '1' ? '1 thread' : `${f.threads} threads`, text: rate(f.value) }));
    const waiting = [...new Set([...values].sort((a, b) => a.place - b.place).map((v) => v.waiting))];
    const x = { field: 'waiting', type: 'nominal', sort: waiting, title: 'events waiting', axis: { labelAngle: 0, ticks: false } };
    const xOffset = { field: 'who', sort: ['pgcourier', 'SQL alone'] };
    await draw('claim', run, {
        title: 'Events claimed and completed without work, by batch, threads and backlog',
        subtitle: 'events a second, median of the rounds; SQL alone: pgbench with as many clients as threads',
        data: { values },
        facet: { row: { field: 'threads', title: null }, column: { field: 'batch', title: null } },
        spec: { width: 330, height: 170, layer: [
            { mark: { type: 'bar' }, encoding: { x, xOffset, y: { field: 'value', type: 'quantitative', title: 'events a second', axis: thousands, scale: { domainMax: 1.1 * Math.max(...values.map((v) => v.value)), nice: false } },
                color: { field: 'who', type: 'nominal', title: null, scale: { domain: ['pgcourier', 'SQL alone'], range: [colours.pgcourier, colours.SQL] } } } },
            { mark: { type: 'text', dy: -7, fontSize: 10 }, encoding: { x, xOffset, y: { field: 'value', type: 'quantitative' }, text: { field: 'text' } } },
        ] },
    });
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** Rates over time, the median of the pairs: with another session's snapshot held open, and without. */
async function drawHorizon(run) {
    const windows = run.figures.filter((f) => f.name === 'window' && f.unit === '/s');
    const sides = { none: 'no snapshot', held: 'a snapshot held open by another session' };
    const values = [];
    for (const work of new Set(windows.map((w) => w.work)))
        for (const [snapshot, side] of Object.entries(sides))
            for (const second of new Set(windows.map((w) => w.second))) {
                const rates = windows.filter((w) => w.work === work && w.snapshot === snapshot && w.second === second).map((w) => w.value);
                if (rates.length > 0) values.push({ work, side, second: Number(second), value: median(rates) });
            }
    await draw('horizon', run, {
        title: 'Throughput while another session holds a snapshot open, so that no dead row can be removed',
        subtitle: 'messages a second in windows of 5 s, median of the pairs',
        data: { values }, resolve: { scale: { y: 'independent' } },
        facet: { column: { field: 'work', title: null } },
        spec: {
            width: 340, height: 260, mark: { type: 'line', point: true, strokeWidth: 2 },
            encoding: {
                x: { field: 'second', type: 'quantitative', title: 'seconds of load', axis: { grid: false } },
                y: { field: 'value', type: 'quantitative', title: 'messages a second', axis: thousands, scale: { domainMin: 0 } },
                color: { field: 'side', type: 'nominal', title: null, legend: { orient: 'bottom' },
                         scale: { domain: Object.values(sides), range: [colours.SQL, colours.pgcourier] } },
            },
        },
    });
}

const number = (value) => value >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(value < 10 ? 2 : 1);

function peersTable(run) {
    const rates = run.figures.filter((f) => f.group && !f.kind);
    const ratio = (f) => run.figures.find((r) => r.kind === 'ratio' && r.group === f.group && r.who === f.who);
    const latency = (f, share) => run.figures.find((r) => r.kind === 'latency' && r.group === f.group && r.who === f.who && r.share === share);
    const lines = [];
    for (const group of new Set(rates.map((f) => f.group))) {
        const has = group === 'webhooks';
        lines.push('', `| ${group} | a second | rounds | pgcourier is |${has ? ' median | p99 |' : ''}`, `| --- | ---: | --- | ---: |${has ? ' ---: | ---: |' : ''}`);
        for (const f of rates.filter((r) => r.group === group).sort((a, b) => b.value - a.value)) {
            const times = ratio(f) ? `${ratio(f).value.toFixed(2)} ×` : '';
            lines.push(`| ${f.who} | ${number(f.value)} | ${rounds(f).map(number).join(', ')} | ${times} |` +
                       (has ? ` ${number(latency(f, '0.5').value)} ms | ${number(latency(f, '0.99').value)} ms |` : ''));
        }
    }
    return lines;
}

function claimTable(run) {
    const lines = ['', '| waiting | batch | threads | pgcourier, events/s | SQL alone, rows/s | share |', '| ---: | ---: | ---: | ---: | ---: | ---: |'];
    for (const f of run.figures.filter((one) => one.who === 'pgcourier')) {
        const other = (who) => run.figures.find((o) => o.who === who && o.backlog === f.backlog && o.batch === f.batch && o.threads === f.threads).value;
        lines.push(`| ${number(Number(f.backlog))} | ${f.batch} | ${f.threads} | ${number(f.value)} | ${number(other('SQL alone'))} | ${other('share of SQL').toFixed(0)} % |`);
    }
    const history = run.figures.filter((f) => f.rounds);
    if (history.length > 0) lines.push(...plainTable({ figures: history }));
    return lines;
}

/** The figures of a bench whose names say what is aimed at; an indented name is of the one above it. */
function named(bench, run) {
    const lines = [];
    let above = '';
    for (const f of (run?.figures ?? []).filter((one) => !one.part)) {
        const aim = f.name.match(/ ?\((at most|at least|below) ([\d.]+)[^)]*\)/);
        const name = f.name.replace(/ ?\(.*?\)/, '').trim();
        if (!f.name.startsWith(' ')) above = name;
        if (aim === null) continue;
        const limit = Number(aim[2]);
        const isMet = aim[1] === 'at least' ? f.value >= limit : aim[1] === 'at most' ? f.value <= limit : f.value < limit;
        lines.push(`| ${bench}: ${name === above ? name : `${above}; ${name}`}, ${aim[1]} ${limit.toLocaleString('en')} ${f.unit} ` +
                   `| ${number(f.value)} ${f.unit} | ${isMet ? 'met' : '**not met**'} |`);
    }
    return lines;
}

/** What is aimed at, with what was found; a line whose figures are not there is left out. */
function targets(peers, claim, others) {
    const lines = [];
    const rateOf = (group, who) => peers?.figures.find((f) => f.group === group && f.who === who && !f.kind)?.value;
    const add = (text, found, least, unit) => {
        if (!Number.isFinite(found)) return;
        const isMet = unit === 'ms' ? found <= least : found >= least;
        lines.push(`| ${text} | ${unit === '%' ? found.toFixed(0) : found.toFixed(2)} ${unit} | ${isMet ? 'met' : '**not met**'} |`);
    };
    const times = (group, ours, who, least) => add(`${group}: ${ours}, at least ${least} × ${who}`, rateOf(group, ours) / rateOf(group, who), least, '×');
    const share = (group, ours, who, least) => add(`${group}: ${ours}, at least ${least} % of ${who}`, 100 * rateOf(group, ours) / rateOf(group, who), least, '%');
    times('webhooks', 'pgcourier', "the predecessor's path", 25);
    times('webhooks', 'pgcourier', 'Node, group commit', 2.5);
    add('webhooks: p99 at 64 connections, at most 10 ms',
        peers?.figures.find((f) => f.kind === 'latency' && f.who === 'pgcourier' && f.share === '0.99')?.value, 10, 'ms');
    times('claim', 'pgcourier, 2 threads', 'PgQ, batches of 500', 1);
    times('claim', 'pgcourier, 2 threads', 'pgmq, 500 at once', 2);
    times('claim', 'pgcourier, 2 threads', 'pgmq, 100 at once, 2 clients', 2);
    times('claim', 'pgcourier, 2 threads', 'graphile-worker, tuned', 3.5);
    times('claim', 'pgcourier, 2 threads', 'pg-boss, batches of 1000, 2 workers', 6);
    for (const [group, least] of [['claim', 60], ['route', 80]]) {
        share(group, 'pgcourier, 1 thread', 'SQL alone, 1 client', least);
        share(group, 'pgcourier, 2 threads', 'SQL alone, 2 clients', least);
    }
    const claimed = (backlog, batch, threads) => claim?.figures.find((f) =>
        f.who === 'pgcourier' && f.backlog === backlog && f.batch === batch && f.threads === threads)?.value;
    for (const batch of ['100', '500'])
        for (const threads of ['1', '2'])
            add(`claim: with 5,000,000 waiting, batch ${batch}, threads ${threads}, at least 90 % of that with 200,000`,
                100 * claimed('5000000', batch, threads) / claimed('200000', batch, threads), 90, '%');
    for (const [bench, run] of others) lines.push(...named(bench, run));
    return lines.length === 0 ? [] : ['', '## Targets', '', '| target | found | |', '| --- | ---: | --- |', ...lines];
}

/** An indented name is of the one above it. */
function plainTable(run) {
    let above = '';
    const lines = ['', '| | figure |', '| --- | ---: |'];
    for (const f of run.figures.filter((one) => one.name !== 'window' && !one.part)) {
        if (!f.name.startsWith(' ')) above = f.name.replace(/ ?\(.*?\)/, '');
        lines.push(`| ${f.name.startsWith(' ') ? `${above}; ` : ''}${f.name.trim()} | ${number(f.value)} ${f.unit} |`);
    }
    return lines;
}

const versions = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8')).dependencies;
const pages = [
    ['peers', 'Beside what else there is', peersTable, drawPeers,
     `Each in turn, round after round, on one durable PostgreSQL (fsync, full_page_writes, synchronous_commit on; shared_buffers 2 GB) that
every contestant gets a fresh database on; whoever is measured shares the processors with PostgreSQL and, for webhooks, with the load
generator. Everything goes over TCP on loopback. Node ${process.version.slice(1)}; ${['graphile-worker', 'pg-boss', 'bullmq', 'fastify', 'pg'].map((name) => `${name} ${versions[name]}`).join(', ')};
PgQ and Redis (appendfsync everysec) are Debian's. Settings are those of the programs in \`bench/peers/\`; pgmq is a re-creation in SQL.
"SQL alone" is \`bench/limits/\` run by pgbench. \`make bench-peers\` takes these figures.`],
    ['claim', 'Claims without work', claimTable, drawClaim,
     'The router\'s own workers, store and claim statement, with a decision that writes nothing, in turns with the same in SQL alone.'],
    ['cost', 'What a message costs', plainTable, undefined,
     'On each step of its way, each role a process of its own: WAL, what the program asks the heap for, the processors\' time of both.'],
    ['limits', 'What PostgreSQL can do', plainTable, undefined, 'The scripts of `bench/limits/`, by pgbench, without a program around them.'],
    ['horizon', 'While another session holds a snapshot', plainTable, drawHorizon,
     'Somebody\'s long query or forgotten transaction keeps every row that dies: what reads a queue from its start walks them all.'],
    ['ingest', 'Webhooks', plainTable, undefined,
     '64 connections: first each sends as soon as it was answered, then all of them half as much, each request at its time.'],
    ['route', 'Routing', plainTable, undefined, 'Stored events brought to `messages_in` and `event_log`.'],
    ['outbox', 'Sending', plainTable, undefined, 'Against the simulated Twilio, 100 tenants, no rate.'],
    ['latency', 'How long it takes', plainTable, drawLatency, 'Idle, and under load.'],
    ['writers', 'Those who write', plainTable, undefined, '64 clients that insert one message a transaction.'],
    ['rate', 'The rate of a sender', plainTable, undefined, 'Two instances with a backlog, `OUTBOX_RATE_PER_SENDER=80`.'],
    ['fairness', 'One tenant\'s million', plainTable, undefined, 'One tenant has a million messages waiting; another writes one now and then.'],
    ['idle', 'Idle', plainTable, undefined, 'A service with all roles and nothing to do.'],
    ['slow_connections', 'Beside slow connections', plainTable, undefined, '10,000 connections that send a byte each four seconds.'],
    ['viewers', 'The console', plainTable, undefined, '50 open pages beside traffic both ways.'],
    ['e2e', 'Everything at once', plainTable, undefined, 'Webhooks and messages at half of the peak.'],
];

const page = ['# Benchmarks', '', 'Made by `make bench-charts` from the JSON files in this folder, which the programs of `bench/` wrote: do not edit it. What each',
              'program asks stands in [bench/README.md](../../bench/README.md).'];
const runs = new Map(pages.map(([bench]) => [bench, load(bench)]));
page.push(...targets(runs.get('peers'), runs.get('claim'), [...runs].filter(([bench]) => bench !== 'peers')));
for (const [bench, heading, table, drawRun, words] of pages) {
    const run = runs.get(bench);
    if (run === undefined) continue;
    const from = charts.length;
    if (drawRun) await drawRun(run);
    page.push('', `## ${heading}`, '', ...words.split('\n'), '', `Machine: ${machine(run)}, Linux ${run.kernel}.${program(run)}`);
    page.push(...table(run));
    for (const chart of charts.slice(from)) page.push('', `![${chart.title}](${chart.name}.png)`);
}
writeFileSync(`${docs}/README.md`, page.join('\n') + '\n');
