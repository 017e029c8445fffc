// The sentence at the top: from what the program found, in the viewer's language.
import { moment_text, number, span } from "./time.js";
import { is_known, named, t, translated } from "./words.js";

function wait_words(waiting) {
    return waiting ? t("s_wait", { n: waiting, count: number(waiting) }) : t("s_none_waits");
}

/// The name of a figure of ops.health, and the unit that stands behind it there: "success rate, %".
export function figure_words(figure) {
    const [, name, unit] = /^(.*?)(?:, (\S+))?$/.exec(named("figure", figure));
    return { name, unit: unit ? "\u00a0" + unit : "" };
}

// Its line in the table below, where that says it in words and not in SQL.
function next_step(figure, health) {
    if (is_known("todo", figure)) return named("todo", figure);
    const { advice = "" } = health.find(line => line.figure === figure) ?? {};
    return advice && !/^(SELECT|TABLE)/.test(advice) ? translated(advice).text : t("d_figure");
}

/// overview  its sentence is {code, args}
/// state     of the live connection: without it, what was said last is no news any more
/// returns   {words, todo}: what is, and what to do about it (may be empty)
export function worded({ sentence: { code, args }, as_of, health = [] }, state = "live") {
    if (state !== "live") return { words: t("s_" + state, { at: moment_text(as_of) }), todo: t("d_" + state) };
    const since = args.since ? moment_text(args.since) : "?";
    const waiting = wait_words(args.waiting);
    const reason = args.reason ?? t("s_no_reason");
    switch (code) {
    case "all_well":
        return { words: t("s_all_well", { n: args.sent ?? 0, sent: number(args.sent ?? 0) }), todo: "" };
    case "breaker_open":
        return {
            words: t("s_breaker_" + args.scope, { since, waiting, number: args.name ?? "?" }),
            todo: t("d_breaker_" + args.scope, { reason, code: args.code ?? "" }),
            said: args.reason,
        };
    case "no_sender":
        return { words: t("s_no_sender", { waiting, span: span(args.oldest_due_seconds ?? 0) }), todo: t("d_no_sender") };
    case "no_router":
        return { words: t("s_no_router", { n: args.events_waiting ?? 0, count: number(args.events_waiting ?? 0) }), todo: t("d_no_router") };
    case "paused_all":
        return { words: t("s_paused_all", { by: args.by ?? "?", since, waiting }), todo: t("d_paused_all"), said: args.reason };
    case "paused_some":
        return { words: t("s_paused_some", { n: args.count ?? 0, count: number(args.count ?? 0), waiting }), todo: t("d_paused_some") };
    case "messages_late":
        return { words: t("s_messages_late", { waiting, span: span(args.oldest_due_seconds ?? 0) }), todo: args.pauses ? t("d_messages_paused", { n: args.pauses, count: number(args.pauses) }) : t("d_messages_late") };
    case "events_late":
        return { words: t("s_events_late", { n: args.events_waiting ?? 0, count: number(args.events_waiting ?? 0) }), todo: t("d_events_late") };
    case "figure": {
        if (args.figure === "unresolved dead letters")
            return { words: t("s_dead_letters", { n: args.value, count: number(args.value) }), todo: t("d_dead_letters") };
        const { name, unit } = figure_words(args.figure);
        return { words: t("s_figure", { figure: name[0].toLowerCase() + name.slice(1), value: number(args.value ?? 0, 1) + unit }), todo: next_step(args.figure, health) };
    }
    default:
        return { words: t("s_unknown"), todo: "" };
    }
}
