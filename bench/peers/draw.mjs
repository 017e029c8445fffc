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

const parsed = (file) => existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;

/** A bench that was not run here, or in a short form, keeps what is in DOCS. */
function load(bench) {
    const [found, kept] = [`${results}/${bench}.json`, `${docs}/${bench}.json`];
    const run = parsed(found);
    if (run?.is_short) console.error(`left out: ${found}, a short form (${Object.entries(run.sizes).map((size) => size.join('=')).join(' ')})`);
    else if (run !== undefined) copyFileSync(found, kept);
    return parsed(kept);
}

/** The settings are those that are not PostgreSQL's own, which are durable. */
const durability = (run) => /\b(fsync|full_page_writes|synchronous_commit) = (off|local)/.test(run.settings ?? '') ? 'NOT durable' : 'durable';
const machine = (run) => `${run.processor}, ${run.processors} processors for everything, ${run.memory_gib} GiB, PostgreSQL ${run.postgres} ${durability(run)}, ${run.date}`;
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

const otherColours = ['#4a7fb5', '#d08b2c', '#8a63a8', '#c0504d', '#7f7f7f', '#3a9a9a'];

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
                     scale: { domain: order, range: order.map((who) => others.includes(who) ? otherColours[others.indexOf(who) % otherColours.length] : colours.pgcourier) } },
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
    const ratios = (f) => run.figures.filter((r) => r.kind === 'ratio' && r.group === f.group && r.who === f.who)
        .map((r) => `${r.value.toFixed(2)} ×${r.ours.replace(/^pgcourier,?(.*)/, (_, threads) => threads && ` (${threads.trim()})`)}`).join(', ');
    const latency = (f, share) => run.figures.find((r) => r.kind === 'latency' && r.group === f.group && r.who === f.who && r.share === share);
    const lines = [];
    for (const group of new Set(rates.map((f) => f.group))) {
        const has = group === 'webhooks';
        lines.push('', `| ${group} | a second | rounds | pgcourier is |${has ? ' median | p99 |' : ''}`, `| --- | ---: | --- | ---: |${has ? ' ---: | ---: |' : ''}`);
        for (const f of rates.filter((r) => r.group === group).sort((a, b) => b.value - a.value)) {
            lines.push(`| ${f.who} | ${number(f.value)} | ${rounds(f).map(number).join(', ')} | ${ratios(f)} |` +
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
    const history = run.figures.filter((f) => f.rounds && !f.who);
    if (history.length > 0) lines.push(...plainTable({ figures: history }));
    return lines;
}

const meets = (value, aim, bound) => aim === 'at least' ? value >= bound : aim === 'at most' ? value <= bound : value < bound;

/** A line of what is aimed at. `spread`: what each round gave; on both sides of the bound, the answer is the rounds' as much as ours. */
function target(text, aim, bound, unit, found, spread, run) {
    if (!Number.isFinite(found)) return `| ${text} | no figure | **not met** | ${run?.commit ?? ''} |`;
    const isMet = meets(found, aim, bound);
    const isWithin = spread.some((value) => meets(value, aim, bound) !== isMet);
    const range = spread.length > 1 ? ` (${number(Math.min(...spread))} to ${number(Math.max(...spread))})` : '';
    return `| ${text} | ${number(found)}${unit && ` ${unit}`}${range} | ${isMet ? 'met' : '**not met**'}${isWithin ? ', within the spread' : ''} | ${run.commit ?? ''} |`;
}

const spreadOf = (figure) => figure?.rounds ? rounds(figure) : [];

/** The figures of a bench whose names say what is aimed at; an indented name is of the one above it. */
function named(bench, run) {
    const lines = [];
    let above = '';
    for (const f of run.figures.filter((one) => !one.part)) {
        const aim = f.name.match(/ ?\((at most|at least|below) ([\d.]+)[^)]*\)/);
        const name = f.name.replace(/ ?\(.*?\)/, '').trim();
        if (!f.name.startsWith(' ')) above = name;
        if (aim === null) continue;
        const limit = Number(aim[2]);
        const text = `${bench}: ${name === above ? name : `${above}; ${name}`}, ${aim[1]} ${limit.toLocaleString('en')} ${f.unit}`;
        lines.push(target(text.trim(), aim[1], limit, f.unit, f.value, spreadOf(f), run));
    }
    return lines;
}

// In whose figures' names stands what is aimed at.
const aiming = ['peers', 'claim', 'horizon', 'ingest', 'outbox', 'latency', 'writers', 'rate', 'fairness', 'idle', 'slow_connections', 'viewers', 'e2e'];

/** What is aimed at, with what was found. */
function targets(runs) {
    const lines = [];
    for (const bench of aiming) {
        const run = runs.get(bench);
        lines.push(...(run ? named(bench, run) : [target(bench, '', 0, '', undefined, [], run)]));
    }
    return ['', '## Targets', '',
            'In brackets the lowest and the highest of the rounds. Where what is aimed at lies between them, another run may well say the other thing.', '',
            '| target | found | | commit |', '| --- | ---: | --- | --- |', ...lines];
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
     `Each in turn, round after round, on one durable PostgreSQL (fsync, full_page_writes, synchronous_commit on; shared_buffers 2 GB). The others
get a fresh database each time; pgcourier and SQL alone share one, whose queue is filled and whose tables are emptied anew each time. Whoever
has one worker is held against one thread, whoever has two against two; each is warm when the clock starts. Whoever is measured shares the
processors with PostgreSQL and, for webhooks, with the load generator. Everything goes over TCP on loopback.
Node ${process.version.slice(1)}; ${['graphile-worker', 'pg-boss', 'bullmq', 'fastify', 'pg'].map((name) => `${name} ${versions[name]}`).join(', ')};
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
    ['slow_connections', 'Beside slow connections', plainTable, undefined,
     '10,000 connections that send a byte each four seconds, are cut off after ten, and come back.'],
    ['viewers', 'The console', plainTable, undefined, '50 open pages beside traffic both ways.'],
    ['e2e', 'Everything at once', plainTable, undefined, 'Webhooks and messages at half of the peak.'],
];

const page = ['# Benchmarks', '', 'Made by `make bench-charts` from the JSON files in this folder, which the programs of `bench/` wrote: do not edit it. What each',
              'program asks stands in [bench/README.md](../../bench/README.md).'];
const runs = new Map(pages.map(([bench]) => [bench, load(bench)]));
page.push(...targets(runs));
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
