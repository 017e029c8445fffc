// compare.mjs PROGRAM COUNT [SEED]: makes random requests, signs and judges them with Twilio's own library and with ours
// (PROGRAM is signature_lines), and counts where the two differ. Ours must take what the library signed, the library what
// we signed, and both must judge what was changed on the way alike. Where they are known to differ, the kind is counted
// apart, and must differ in the known way. Exits with 1 on any other difference.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { createInterface } from "node:readline";
import { once } from "node:events";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const twilio = require("twilio/lib/webhooks/webhooks");
const version = require("twilio/package.json").version;

const [program, countText, seedText] = process.argv.slice(2);
const count = Number(countText);
const seed = seedText ? Number(seedText) >>> 0 : (Date.now() ^ (process.pid << 16)) >>> 0;
const token = "12345678901234567890123456789012";

// mulberry32: small, seeded, good enough to vary requests.
let state = seed;
function random() {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}
const below = (n) => Math.floor(random() * n);
const chance = (p) => random() < p;
const one = (list) => list[below(list.length)];

const kKeys = ["Body", "From", "FromCity", "To", "MessageSid", "AccountSid", "NumMedia", "MediaUrl0", "MediaUrl10", "MediaUrl2",
    "ProfileName", "WaId", "a", "A", "aa", "a b", "é", "日本", "😀", "_", "~", "-", "1", "10", "2", "", "a[]", "a.b", "key=", "k&k"];
const kTexts = ["", " ", "+", "%", "%20", "a+b", "1+1=2 & more", "100% sûr", "Ça coûte 5 € ?", "日本語テキスト", "🛍️ 👨‍👩‍👧", "e\u0301", "\u0000", "\n",
    "\r\n", "\t", "'\"<>&", "whatsapp:+33612345678", "%C3%A9", "%zz", "a=b&c=d", "\u202eabc", "\ufeff", "\uffff", "\u{10ffff}"];
function text() {
    if (chance(0.5)) return one(kTexts);
    let out = "";
    for (let i = below(24); i > 0; --i) {
        const r = random();
        if (r < 0.5) out += String.fromCharCode(0x20 + below(0x5f));
        else if (r < 0.7) out += String.fromCodePoint(0x80 + below(0x780));
        else if (r < 0.85) out += String.fromCodePoint(0x800 + below(0xd000));
        else if (r < 0.95) out += String.fromCodePoint(0x1f300 + below(0x400));
        else out += String.fromCharCode(below(0x20));
    }
    return out;
}

// One byte may be written in several ways in a body; all mean the same.
function encoded(value) {
    let out = "";
    for (const byte of Buffer.from(value, "utf8")) {
        const c = String.fromCharCode(byte);
        if (/[A-Za-z0-9]/.test(c) && !chance(0.02)) out += c;
        else if (/[-._~!*'()\/:@,;?$"<>{}|\\^`\[\]]/.test(c) && chance(0.5)) out += c;
        else if (c === " " && chance(0.7)) out += "+";
        else {
            const hex = byte.toString(16).padStart(2, "0");
            out += "%" + (chance(0.3) ? hex : hex.toUpperCase());
        }
    }
    return out;
}
const bodyOf = (pairs) =>
    pairs.map(([k, v]) => (v === "" && k !== "" && chance(0.2) ? encoded(k) : encoded(k) + "=" + encoded(v))).join("&");
function paramsOf(pairs) {
    const params = Object.create(null);
    for (const [k, v] of pairs) {
        if (!(k in params)) params[k] = v;
        else params[k] = [].concat(params[k], v);
    }
    return params;
}
function somePairs() {
    const pairs = [];
    for (let i = below(chance(0.1) ? 40 : 12); i > 0; --i) pairs.push([chance(0.9) ? one(kKeys) : text(), text()]);
    while (pairs.length > 0 && chance(0.25)) {
        const [k, v] = one(pairs);
        pairs.push([k, chance(0.4) ? v : text()]); // a repeated key, with the same value or another
    }
    return pairs;
}

// As a request line has it: what `new URL()` leaves as it is, so that the library signs the same bytes.
function someUrl() {
    const scheme = one(["https", "https", "https", "http"]);
    const user = chance(0.1) ? one(["user:secret@", "user@", "a:b%3Ac@"]) : "";
    const host = one(["shop.example.test", "example.com", "127.0.0.1", "[2001:db8::1]", "xn--caf-dma.example", "a-b.c_d.example"]);
    const port = chance(0.25) ? ":" + one([8080, 8443, 443, 80, 3000, 1]) : "";
    const path = one(["/webhooks/twilio", "/", "/webhooks/twilio/status", "/a%20b/c", "/caf%C3%A9", "/a//b", "/a;b=c", "/@x:y", "/%2F", "/a+b"]);
    let query = "";
    if (chance(0.4)) {
        const parts = [];
        for (let i = 1 + below(4); i > 0; --i)
            parts.push(one(["m", "a", "name", "bodySHA25", "x%20y", ""]) + one(["=", "=", ""]) + one(["1", "", "a%20b", "a+b", "%C3%A9", "%2B", "x=y", "@:/?"]));
        query = "?" + parts.join("&");
    }
    return { scheme, user, host, port, path, query };
}
const spell = (u) => `${u.scheme}://${u.user}${u.host}${u.port}${u.path}${u.query}`;

// JavaScript sorts by UTF-16 units, we by bytes: they differ where a key (or the values of one key) has letters beyond
// U+FFFF beside letters from U+E000 on. Twilio's keys are ASCII, and it repeats none.
function sortsAlike(pairs) {
    const byBytes = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b));
    const alike = (list) => {
        const all = [...new Set(list)];
        return [...all].sort().join("\u0000") === [...all].sort(byBytes).join("\u0000");
    };
    const params = paramsOf(pairs);
    return alike(Object.keys(params)) && Object.values(params).every((v) => !Array.isArray(v) || alike(v));
}

const flip = (signature) => {
    const at = below(27);
    const other = one([..."ABCXYZabcxyz0189+/"].filter((c) => c !== signature[at]));
    return signature.slice(0, at) + other + signature.slice(at + 1);
};

// returns a request: what is sent, the library's verdict, and the kind of it
function someRequest() {
    const url = someUrl();
    const isJson = chance(0.2);
    let pairs = somePairs();
    let body = isJson ? JSON.stringify(Object.fromEntries(pairs)) : bodyOf(pairs);
    let kind = isJson ? "json" : "form";
    if (isJson) {
        if (chance(0.1)) body = one(["", "{}", "[]", "null", text()]);
        const hash = createHash("sha256").update(Buffer.from(body, "utf8")).digest("hex");
        url.query += (url.query ? "&" : "?") + "bodySHA256=" + hash;
    }
    const signedUrl = { ...url };
    // Twilio signs with the port or without it.
    if (chance(0.3)) {
        kind += ", other spelling of the port";
        signedUrl.port = url.port ? "" : url.scheme === "https" ? ":443" : ":80";
    }
    let signature = twilio.getExpectedTwilioSignature(token, spell(signedUrl), isJson ? {} : paramsOf(pairs));
    const known = !isJson && !sortsAlike(pairs) ? "keys or values beyond U+FFFF beside others from U+E000 on" : "";
    let expectsTaken = true;
    if (chance(0.25)) {
        const how = below(8);
        kind = (isJson ? "json" : "form") + ", changed";
        expectsTaken = false;
        if (how === 0) signature = flip(signature);
        else if (how === 1) url.path += one(["/", "x", "%20"]);
        else if (how === 2) url.query += (url.query ? "&" : "?") + "z=1";
        else if (how === 3) url.host = "other.example";
        else if (how === 4) url.scheme = url.scheme === "https" ? "http" : "https";
        else if (how === 5) url.port = url.port === ":9999" ? ":9998" : ":9999";
        else if (isJson) body += " ";
        else if (how === 6 && pairs.length > 0) pairs = pairs.slice(1);
        else pairs = [...pairs, ["Extra", "x"]];
        if (!isJson && how >= 6) body = bodyOf(pairs);
    }
    const sent = spell(url);
    const verdict = isJson
        ? twilio.validateRequestWithBody(token, signature, sent, body)
        : twilio.validateRequest(token, signature, sent, paramsOf(pairs));
    return { kind, known, isJson, url: sent, body, pairs, signature, verdict, expectsTaken };
}

const child = spawn(program, [], { stdio: ["pipe", "pipe", "inherit"] });
const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
const hex = (value) => Buffer.from(value, "utf8").toString("hex") || "-";
const counts = new Map();
const known = new Map();
const differences = [];
let taken = 0;
const add = (map, key) => map.set(key, (map.get(key) ?? 0) + 1);

for (let done = 0; done < count; ) {
    const batch = [];
    for (; batch.length < 500 && done < count; ++done) batch.push(someRequest());
    const lines = batch.map((r) => `${r.isJson ? "json" : "form"} ${hex(r.url)} ${hex(r.body)} ${r.signature}\n`).join("");
    if (!child.stdin.write(lines)) await once(child.stdin, "drain");
    for (const r of batch) {
        const { value: line, done: isOver } = await answers.next();
        if (isOver) throw new Error("the program ended");
        const [verdict, ours] = line.split(" ");
        const params = r.isJson ? {} : paramsOf(r.pairs);
        const alike = sortsAlike(r.pairs) || r.isJson;
        const takesOurs = r.isJson
            ? twilio.validateRequestWithBody(token, ours, r.url, r.body)
            : twilio.validateRequest(token, ours, r.url, params);
        // What ours signs is taken by the library: of a JSON body only where its hash holds.
        const shouldTakeOurs = !r.isJson || r.url.includes(createHash("sha256").update(Buffer.from(r.body)).digest("hex"));
        add(counts, r.kind);
        if (verdict === "1") ++taken;
        const isSame = (verdict === "1") === r.verdict && takesOurs === shouldTakeOurs;
        if (!alike || r.known) {
            if (!isSame) add(known, "keys or values beyond U+FFFF beside others from U+E000 on");
        } else if (!isSame) {
            differences.push({ kind: r.kind, url: r.url, body: r.body, signature: r.signature, library: r.verdict, ours: verdict, takesOurs });
        } else if (r.expectsTaken && verdict !== "1") {
            differences.push({ why: "both refuse what was not changed", kind: r.kind, url: r.url, body: r.body });
        }
    }
}
child.stdin.end();

console.log(`twilio ${version}, seed ${seed}: ${count} requests, ${taken} taken by both, ${differences.length} differences`);
for (const [kind, n] of [...counts].sort()) console.log(`  ${String(n).padStart(7)}  ${kind}`);
for (const [why, n] of known) console.log(`  known to differ, ${n}: ${why}`);
for (const difference of differences.slice(0, 5)) console.log(JSON.stringify(difference));
process.exit(differences.length > 0 ? 1 : 0);
