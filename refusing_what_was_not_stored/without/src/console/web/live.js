// The stream of overviews: one for the page, held only while somebody looks.
import { get } from "./api.js";

const kAgainMs = 5000;
const kSilenceMs = 15000;

let source = null;
let retry = 0;
let watchdog = 0;
let newest = null;
let listeners = new Set();
let is_wanted = false;
let state = "live";

function tell(now) {
    state = now;
    for (const listener of [...listeners]) listener(newest, state);
}

function heard() {
    clearTimeout(watchdog);
    const due = performance.now() + kSilenceMs;
    watchdog = setTimeout(() => {
        // A page that was itself asleep has events to read yet.
        if (performance.now() > due + 2000) return heard();
        tell("lost");
        again();
    }, kSilenceMs);
}

function again() {
    close();
    clearTimeout(retry);
    if (is_wanted && !document.hidden) retry = setTimeout(open, kAgainMs);
}

function close() {
    clearTimeout(watchdog);
    source?.close();
    source = null;
}

function open() {
    close();
    if (!is_wanted || document.hidden) return;
    source = new EventSource("/ops/api/live");
    heard();
    source.addEventListener("overview", event => {
        heard();
        newest = JSON.parse(event.data);
        tell("live");
    });
    source.addEventListener("trouble", () => {
        // The program answers, its database does not: what is shown is old.
        heard();
        tell("away");
    });
    source.addEventListener("open", heard);
    source.addEventListener("error", async () => {
        tell("lost");
        // It tries again by itself where it was connected. Where it was refused it says neither why nor tries again: a plain read
        // says whether we are still known.
        if (source && source.readyState === EventSource.CONNECTING) return;
        again();
        try {
            await get("session");
        } catch { /* a 401 has shown the sign-in form; anything else is tried again */ }
    });
}

document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));

export function start() {
    is_wanted = true;
    state = "live";
    open();
}

export function stop() {
    is_wanted = false;
    newest = null;
    clearTimeout(retry);
    close();
}

/// Calls listener(overview, state) at each overview, and at once with the newest one; state is live, away (the database) or lost (the program).
/// returns  what ends it
export function listen(listener) {
    listeners.add(listener);
    if (newest) listener(newest, state);
    return () => listeners.delete(listener);
}

/// One read at once, for the first view and after an act.
export async function refresh() {
    newest = await get("overview");
    tell(state);
}
