// node fake.mjs [PORT]: serves the console's page with canned answers in the shape of docs/console-api.yaml, for work on
// how it looks. The token is "token"; FAKE=well shows a good day, else there is trouble.
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const kWeb = join(dirname(fileURLToPath(import.meta.url)), "../../src/console/web");
const kTypes = { html: "text/html; charset=utf-8", js: "text/javascript; charset=utf-8", css: "text/css; charset=utf-8" };
const kPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
const is_well = process.env.FAKE === "well";
const ago = seconds => new Date(Date.now() - seconds * 1000).toISOString();
const uuid = n => `${(0xa1b2c3d4 + n * 7919).toString(16).padStart(8, "0").slice(-8)}-5f1e-4c3a-9b7d-${(0x9e3779b97f4a + n * 104729).toString(16).padStart(12, "0").slice(-12)}`;
const hostile = "<img src=x onerror=alert(1)> \u202Etxt.exe\u202C \"Zoé\" & 'co'";

function overview() {
    const minute = Math.floor(Date.now() / 60000) * 60000;
    const wave = (i, base, swing, seed) => Math.max(0, Math.round(base + swing * Math.sin((i + seed) / 7) + ((i * 7919 + seed * 31) % 13) - 6));
    const series = Array.from({ length: 60 }, (_, i) => {
        const is_down = !is_well && i > 48;
        return {
            minute: new Date(minute - (59 - i) * 60000).toISOString(), received: wave(i, 48, 14, 3), sent: is_down ? Math.max(0, 20 - (i - 48) * 7) : wave(i, 41, 12, 9),
            failed: is_down ? wave(i, 12, 3, 1) : i % 17 === 0 ? 2 : 0, dead: is_down ? i % 3 : i % 29 === 0 ? 1 : 0, delivered: wave(i, 39, 12, 9), is_estimated: false, oldest_due_seconds: is_down ? (i - 48) * 60 : i % 23 === 0 ? 4 : 0,
        };
    });
    const health = [
        ["events waiting", 0, "ok", "ok below 10, alert above 100", ""], ["messages waiting", is_well ? 3 : 38, is_well ? "ok" : "warning", "ok below 10, alert above 100", "SELECT id, ops.explain(id) FROM ops.outbox ORDER BY seq LIMIT 5; scheduled ones count too"],
        ["oldest due message, s", is_well ? 0 : 724.3, is_well ? "ok" : "alert", "ok below 10, alert above 60", "SELECT id, ops.explain(id) FROM ops.outbox WHERE status IN ('pending', 'failed') ORDER BY due_at LIMIT 5"],
        ["processing time p95, ms", 12.4, "ok", "ok below 500, alert above 2000", ""], ["success rate, %", is_well ? 99.7 : 62.5, is_well ? "ok" : "warning", "ok above 95, alert below 90", "SELECT * FROM ops.dead_letter_reasons"],
        ["unresolved dead letters", is_well ? 0 : 27, is_well ? "ok" : "warning", "ok below 1, alert above 100", "SELECT * FROM ops.dead_letter_reasons, then ops.retry_dead_letters(code => …)"],
        ["unknown outcomes", is_well ? 0 : 1, is_well ? "ok" : "warning", "ok below 1, alert above 20", "Most are settled within two minutes. SELECT * FROM ops.stuck has those that are not"],
        ["open breakers", is_well ? 0 : 1, is_well ? "ok" : "alert", "alert from 1", "Sending is paused: SELECT * FROM ops.breakers has the reason and the next probe"], ["silent instances", 0, "ok", "alert from 1", ""],
        ["oldest snapshot, s", 0.2, "ok", "ok below 60, alert above 900", ""], ["notification queue, %", 0, "ok", "ok below 10, alert above 50", ""],
        ["unfinished migrations", 0, "ok", "alert from 1", ""], ["paused by people", is_well ? 0 : 1, is_well ? "ok" : "warning", "warning from 1", "SELECT * FROM ops.pauses has them"],
    ].map(([figure, value, state, threshold, advice]) => ({ figure, value, state, threshold, advice }));
    return {
        as_of: ago(0), level: is_well ? "ok" : "alert",
        sentence: is_well ? { code: "all_well", args: { sent: 41 } }
            : { code: "breaker_open", args: { scope: "credentials", reason: "twilio 20003: the credentials are refused", code: 20003, since: ago(724), waiting: 38 } },
        figures: {
            in_minute: series[58].received, out_minute: is_well ? 41 : 0, oldest_due_seconds: is_well ? 0 : 724.3, dead_letters: is_well ? 0 : 27, waiting: is_well ? 3 : 38, unknown: is_well ? 0 : 1, events_waiting: 0,
        },
        latency: { ack_p99_ms: 4.7, routed_p99_ms: 12.4, send_p99_ms: is_well ? 85.6 : null }, series, health, sql: "SELECT * FROM ops.health", command: "pgcourier status",
    };
}

const abnormal = () => (is_well ? [] : [
    { kind: "breaker", id: "credentials:0e6765d1", tenant_id: null, words: "twilio 20003: the credentials are refused", count: 3, since: ago(724), last_at: ago(12), example: null, advice: "Sending goes on by itself as soon as a probe succeeds; the next one is in 48 s.", sql: "SELECT * FROM ops.breakers", command: "pgcourier pauses", act: null },
    { kind: "pause", id: "tenant zoe", tenant_id: "zoe", words: "paused by amélie: the invoice is open", count: 5, since: ago(7200), last_at: null, example: null, advice: "Resume when its reason is gone.", sql: "SELECT ops.resume_sending('tenant', 'zoe')", command: "pgcourier resume --tenant zoe", act: { path: "resume", body: { scope: "tenant", id: "zoe" } } },
    { kind: "dead_letters", id: null, tenant_id: null, words: "twilio 63016: outside the window of 24 hours, only a template may be sent", count: 21, since: ago(50000), last_at: ago(320), example: uuid(5), advice: "Send a template instead, then discard these.", sql: "SELECT * FROM ops.dead_letters WHERE code = 63016", command: "pgcourier dlq list --code 63016", act: { path: "dead-letters/retry", body: { filter: { reason: "twilio 63016: outside the window of 24 hours, only a template may be sent" } } } },
    { kind: "unrouted", id: "+337…09", tenant_id: null, words: "no tenant has this number", count: 4, since: ago(90000), last_at: ago(4000), example: uuid(6), advice: "Give it to a tenant: what is stored is routed by itself.", sql: "SELECT * FROM ops.unrouted", command: "pgcourier tenant set-number", act: null },
    { kind: "unknown", id: uuid(8), tenant_id: "demo-shop", words: "nobody knows whether it was sent, and Twilio's list does not answer", count: 1, since: ago(380), last_at: null, example: uuid(8), advice: "Look in Twilio's console whether it was sent, then settle it.", sql: `SELECT ops.settle_unknown('${uuid(8)}', true)`, command: `pgcourier outbox settle ${uuid(8)} --sent`, act: null },
]);

const kSteps = [
    ["received", 95.1, "webhook_event 48812", "message by webhook, from +336…32"], ["webhook_received", 95.08, `message_in ${uuid(2)}`, "from a client"],
    ["handled by the shop", 94.6, `message_in ${uuid(2)}`, null], ["written to messages_out", 94.2, `message_out ${uuid(1)}`, "for +336…32"],
    ["message_failed", 93.9, `message_out ${uuid(1)}`, "attempt 1, code 63010, reason: twilio 63010: internal error of the channel"],
    ["message_sent", 61.5, `message_out ${uuid(1)}`, "attempt 2, Twilio's id SM92a7740312ccc8b268a8cd434b332a91"], ["callback: sent", 61.3, `message_out ${uuid(1)}`, null],
    ["callback: delivered", 60.4, `message_out ${uuid(1)}`, null], ["message_delivered", 60.39, `message_out ${uuid(1)}`, "Twilio's id SM92a7740312ccc8b268a8cd434b332a91"],
    ["callback: read", 8.2, `message_out ${uuid(1)}`, null], ["message_read", 8.19, `message_out ${uuid(1)}`, null],
];

function trace(id) {
    const is_known = id !== "nothing";
    return {
        id, is_known, sentence: is_known ? `Message ${uuid(1)} was sent at 2026-11-26 07:11:02 UTC (61 s ago) from +337…01 as SM92a7740312ccc8b268a8cd434b332a91; it was read at 2026-11-26 07:11:55 UTC (8.2 s ago).`
            : `Nothing is known of ${id}: its INSERT is not committed or was rolled back, it is no longer kept (RETENTION_DAYS), or the id is another one.`,
        subjects: is_known ? [
            { kind: "message_out", id: uuid(1), tenant_id: "demo-shop", tenant_name: hostile, person: "+336…32", status: "read", at: ago(94.2), correlation_id: uuid(3), provider_message_id: "SM92a7740312ccc8b268a8cd434b332a91", body_characters: 142, media: 1, attempts: 2, error_code: null, last_error: null, held_reason: null, event_id: null, can: ["cancel", "reveal_body", "reveal_number", "conversation", "retry"] },
            { kind: "message_in", id: uuid(2), tenant_id: "demo-shop", tenant_name: hostile, person: "+336…32", status: "client", at: ago(95), correlation_id: uuid(3), provider_message_id: "SM0317740312ccc8b268a8cd434b332f00", body_characters: 23, media: 0, attempts: null, error_code: null, last_error: null, held_reason: null, event_id: "48812", can: ["reveal_body", "reveal_number", "reveal_raw", "conversation"] },
        ] : [],
        steps: is_known ? kSteps.map(([what, s, entity, detail], i) => ({ at: ago(s), what, entity, detail, ms_since_previous: i ? Math.round((kSteps[i - 1][1] - s) * 10000) / 10 : null })) : [],
        sql: `SELECT * FROM ops.trace('${id}')`, command: `pgcourier trace ${id}`,
    };
}

const kReasons = [["twilio 63016: outside the window of 24 hours, only a template may be sent", 21, 63016], ["twilio 21211: the recipient is no valid number", 4, 21211], [hostile, 2, 63024]];
function letters(reason) {
    return kReasons.filter(([r]) => !reason || r === reason).flatMap(([r, count, code], g) => Array.from({ length: Math.min(count, 8) }, (_, i) => ({
        id: uuid(100 + g * 30 + i), tenant_id: ["demo-shop", "zoe", "market"][i % 3], tenant_name: ["Demo shop", "Chez Zoé", "Marché de la Bastille"][i % 3], job_type: "message_out", entity_id: uuid(200 + g * 30 + i), reason: r, code,
        attempts: 1 + i % 5, was_sent: code === 63024, person: `+336…${10 + i}`, at: ago(320 + g * 4000 + i * 431), correlation_id: uuid(300 + i), sql: `SELECT ops.retry_dead_letter('${uuid(100 + i)}')`, command: `pgcourier dlq retry ${uuid(100 + i)}`,
    })));
}

const tenants = [
    ["demo-shop", "Demo shop", "+337…01", 3, 12, 3, 1, null, 0, null, null], ["market", "Marché de la Bastille", "+337…03", 1, 0, 21, 0, 724, 6, null, ago(724)],
    ["zoe", "Chez Zoé", "+337…02", 2, 4, 5, 0, 7100, 2, { scope: "tenant", by: "amélie", since: ago(7200), reason: "the invoice is open" }, null],
    ["x-hostile", hostile, null, 0, 0, 0, 0, null, 0, null, null], ["emoji", "🎉".repeat(60), "+337…05", 1, 1001, 0, 0, null, 0, null, null],
].map(([id, name, number, sellers, opted_out, waiting, in_flight, oldest_due_seconds, dead_letters, paused, breaker_open_since]) => ({
    id, name, number, sellers, opted_out, waiting, in_flight, oldest_due_seconds, dead_letters, paused, breaker_open_since, all_stopped_since: null, calls_at_once: null,
    sql: `SELECT ops.${paused ? "resume" : "pause"}_sending('tenant', '${id}')`, command: `pgcourier ${paused ? "resume" : "pause"} --tenant ${id}`,
}));

const kEvents = ["message_delivered", "message_sent", "webhook_received", "message_failed", "message_read", "idempotent_ignored", "message_dead_lettered", "opt_out_recorded"];
const log = () => Array.from({ length: 30 }, (_, i) => ({
    id: String(9000 - i), at: ago(3 + i * 61 * (1 + i)), type: kEvents[i % kEvents.length], entity_type: i % 3 === 2 ? "message_in" : "message_out", entity_id: uuid(i), tenant_id: tenants[i % 3].id, correlation_id: uuid(400 + i),
    actor_type: "system", by: null, reason: i % 8 === 6 ? "twilio 63016: outside the window of 24 hours" : null, detail: i % 8 === 6 ? "attempt 5, code 63016, reason: twilio 63016: outside the window of 24 hours" : i % 3 ? `attempt 1, Twilio's id SM${"0a1b2c3d4e5f6071".repeat(2)}` : null,
}));
const acts = () => [
    ["dead_letter_retried", 60, "amélie", "the number was put right", "message_out", uuid(5), "demo-shop"], ["revealed", 400, "bruno", "client asks what was sent to them", "message_out", uuid(1), "demo-shop"],
    ["sending_paused_by_hand", 7200, "amélie", "the invoice is open", "scope", "tenant:zoe", "zoe"], ["dead_letter_discarded", 90000, "postgres", hostile, "message_out", uuid(7), "market"], ["person_erased", 200000, "zoé", "asked by mail", "person", null, null],
].map(([type, s, by, reason, entity_type, entity_id, tenant_id], i) => ({ id: String(i), at: ago(s), type, entity_type, entity_id, tenant_id, correlation_id: uuid(500 + i), actor_type: "operator", by, reason, detail: null }));

const conversation = () => ({
    tenant_id: "demo-shop", tenant_name: "Demo shop", person: "+336…32", is_opted_out: false, is_complete: true, next: null, sql: null, command: null,
    messages: [["out", 60, "read", 142], ["in", 95, "client", 23], ["out", 4000, "dead", 90], ["in", 90000, "client", 310], ["out", 90400, "delivered", 55], ["in", 90800, "client", 12]].map(([direction, s, status, n], i) => ({
        id: uuid(600 + i), direction, at: ago(s), status, error_code: status === "dead" ? 63016 : null, last_error: status === "dead" ? "twilio 63016: outside the window of 24 hours" : null, body_characters: n, media: i === 0 ? 1 : 0, correlation_id: uuid(3),
    })),
});

function api(name, query, body) {
    switch (name) {
    case "overview": return overview();
    case "abnormal": return { as_of: ago(0), items: abnormal() };
    case "search": {
        const q = body?.q ?? query.get("q");
        const asked_for = /^\+?[0-9 ]{8,}$/.test(q) ? "person" : "id";
        const matches = q === "nothing" ? [] : (asked_for === "person" ? [1, 2, 3, 4] : [1]).map(i => ({ kind: i % 2 ? "message_out" : "message_in", id: uuid(i), tenant_id: "demo-shop", tenant_name: hostile, person: "+336…32", status: ["", "read", "client", "dead", "client"][i], at: ago(100 * i), correlation_id: uuid(3) }));
        return { asked_for, matches, is_complete: true, sql: "SELECT * FROM ops.messages_of('…')", command: null };
    }
    case "trace": return trace(query.get("id"));
    case "conversation": return conversation();
    case "dead-letters": return { groups: is_well ? [] : kReasons.map(([reason, count], i) => ({ job_type: "message_out", reason, count, first_at: ago(50000), last_at: ago(320 + i * 4000), example: uuid(100 + i * 30) })), items: is_well ? [] : letters(query.get("reason")), next: null, is_complete: true, sql: "SELECT * FROM ops.dead_letters", command: "pgcourier dlq list" };
    case "dead-letters/preview": case "dead-letters/retry": case "dead-letters/discard": {
        const act = body.act ?? name.split("/")[1];
        const chosen = body.ids?.length ?? 21;
        return { act, is_preview: name.endsWith("preview"), chosen, done: chosen - 1, remaining: 0, results: [{ dead_letter_id: uuid(1), entity_id: uuid(2), is_done: false, words: `the message of dead letter ${uuid(1)} expired at 2026-11-25 10:00: it would be sent too late` }, { dead_letter_id: uuid(3), entity_id: uuid(4), is_done: true, words: "would be done again" }], sql: null, command: null };
    }
    case "tenants": return { items: tenants.filter(x => !query.get("id") || x.id === query.get("id")), next: null, sql: "SELECT * FROM ops.tenants", command: "pgcourier tenant list" };
    case "log": return { items: log(), next: "more", is_complete: true, sql: "SELECT * FROM event_log ORDER BY created_at DESC LIMIT 50", command: "pgcourier events" };
    case "audit": return { items: acts(), next: null, is_complete: true, sql: "SELECT * FROM event_log WHERE actor_type = 'operator'", command: null };
    case "reveal": return { kind: body.kind, id: body.id, what: body.what, value: body.what === "number" ? "+33612345632" : body.what === "raw" ? "{\"From\":\"whatsapp:+33612345632\",\"Body\":\"<script>alert(1)</script>\"}" : "Bonjour <b>Zoé</b>,\nvotre commande est prête 🎁\n\u202Eشكرا", media: [], audit_id: "1" };
    default: return { words: "done", sql: null, command: null };
    }
}

const server = createServer(async (request, response) => {
    const url = new URL(request.url, "http://localhost");
    const send = (status, type, body, headers = {}) => response.writeHead(status, { "Content-Type": type, "Content-Security-Policy": kPolicy, ...headers }).end(body);
    const json = (status, value) => send(status, "application/json", JSON.stringify(value));
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = chunks.length ? JSON.parse(Buffer.concat(chunks).toString()) : null;
    const role = /pgcourier_ops=(\w+)/.exec(request.headers.cookie ?? "")?.[1];
    if (url.pathname === "/ops") return send(200, kTypes.html, await readFile(join(kWeb, "index.html")));
    const asset = /^\/ops\/assets\/([\w.-]+\.(js|css))$/.exec(url.pathname);
    if (asset) return readFile(join(kWeb, asset[1])).then(file => send(200, kTypes[asset[2]], file), () => send(404, "text/plain", ""));
    const session = { role: role ?? "operator", name: "amélie", csrf_token: "csrf", expires_at: ago(-40000), version: "0.1.0" };
    if (url.pathname === "/ops/sign-in") {
        if (!["token", "look"].includes(body.token)) return json(401, { error: { code: "wrong_token", message: "this is not the token" } });
        response.setHeader("Set-Cookie", `pgcourier_ops=${body.token === "look" ? "viewer" : "operator"}; HttpOnly; SameSite=Strict; Path=/ops`);
        return json(200, { ...session, role: body.token === "look" ? "viewer" : "operator" });
    }
    if (!role) return json(401, { error: { code: "not_signed_in", message: "sign in first" } });
    if (url.pathname === "/ops/sign-out") return send(204, "text/plain", "", { "Set-Cookie": "pgcourier_ops=; Max-Age=0; Path=/ops" });
    const name = url.pathname.replace("/ops/api/", "");
    if (name === "session") return json(200, session);
    if (name === "live") {
        response.writeHead(200, { "Content-Type": "text/event-stream" });
        const tell = () => response.write(`event: overview\ndata: ${JSON.stringify(overview())}\n\n`);
        tell();
        const timer = setInterval(tell, 1000);
        return request.socket.on("close", () => clearInterval(timer));
    }
    return json(200, api(name, url.searchParams, body));
});
server.listen(Number(process.argv[2] ?? 8099), "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}/ops`));
