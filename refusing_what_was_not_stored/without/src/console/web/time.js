// Times in the viewer's zone and lengths of time in their language. The exact moment is in the title, in UTC too.
import { h } from "./dom.js";
import { language, t } from "./words.js";

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const formats = {};

function format(name, options) {
    return (formats[name] ??= new Intl.DateTimeFormat(language, { hourCycle: "h23", ...options }));
}

function is_today(date) {
    return date.toDateString() === new Date().toDateString();
}

export function zone_name() {
    return zone;
}

/// 14:02:31 today, 25 Nov 14:02:31 in this year, with the year before that.
export function moment_text(iso) {
    const date = new Date(iso);
    if (Number.isNaN(date.getTime())) return String(iso);
    const clock = format("clock", { timeStyle: "medium" }).format(date);
    if (is_today(date)) return clock;
    if (date.getFullYear() === new Date().getFullYear())
        return format("day", { day: "numeric", month: "short" }).format(date) + " " + clock;
    return format("year", { day: "numeric", month: "short", year: "numeric" }).format(date) + " " + clock;
}

export function clock_text(seconds) {
    return format("minute", { hour: "2-digit", minute: "2-digit" }).format(new Date(seconds * 1000));
}

export function day_text(iso) {
    return format("long_day", { weekday: "long", day: "numeric", month: "long", year: "numeric" }).format(new Date(iso));
}

export function day_of(iso) {
    return new Date(iso).toDateString();
}

/// A <time> whose title has the exact moment, here and in UTC.
export function moment(iso) {
    if (!iso) return "";
    const date = new Date(iso);
    if (Number.isNaN(date.getTime())) return String(iso);
    const exact = format("exact", { dateStyle: "full", timeStyle: "long" }).format(date);
    return h("time", { datetime: iso, title: exact + "\n" + date.toISOString().replace("T", " ").replace("Z", " UTC") }, moment_text(iso));
}

export function number(value, digits = 0) {
    return new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(value);
}

const kSteps = [[86400, "days"], [3600, "h"], [60, "min"], [1, "s"]];

/// A length as people say it: 45 s, 12 min, 3 h, 4 days.
export function span(seconds) {
    if (seconds === null || seconds === undefined) return "–";
    if (seconds < 10) return unit(Math.max(0, seconds), "s");
    for (const [length, name] of kSteps) {
        // Twice the unit before the larger one is taken: 90 min says more than 1 h.
        if (seconds >= length * (length === 1 ? 1 : 2)) return unit(Math.floor(seconds / length), name);
    }
    return unit(0, "s");
}

// Not Intl's own units, which are "mins" here and "m" there: these are those of the command line and of ops.span.
function unit(value, name) {
    return number(value, 1) + "\u00a0" + (name === "days" ? t("days", { n: value }) : name);
}

/// Milliseconds between two steps: 87 ms, 1.2 s, 12 min.
export function gap(milliseconds) {
    if (milliseconds < 1000) return number(milliseconds, milliseconds < 10 ? 1 : 0) + "\u00a0ms";
    return span(milliseconds / 1000);
}
