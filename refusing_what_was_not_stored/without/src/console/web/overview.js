// Is it working? The sentence, four figures with their hour, what is not normal, and what is looked at.
import { get, post } from "./api.js";
import { hour, sparkline } from "./chart.js";
import { ask } from "./dialog.js";
import { foreign, h, icon, replace, replace_if_changed } from "./dom.js";
import { listen, refresh } from "./live.js";
import { copies, film_link, heading, loading, nothing, state, table, tenant_link, told as spoken, trouble } from "./parts.js";
import { figure_words, worded } from "./sentence.js";
import { clock_text, gap, moment, number, span } from "./time.js";
import { is_known, named, t, translated } from "./words.js";

const kAbnormalMs = 4000;

const kFigures = [
    { key: "in_minute", line: "received", colour: "in", value: f => number(f.in_minute) },
    { key: "out_minute", line: "sent", colour: "out", value: f => number(f.out_minute) },
    { key: "oldest_due", line: "oldest_due_seconds", colour: "warning", value: f => (f.oldest_due_seconds > 0 ? span(f.oldest_due_seconds) : t("none")) },
    { key: "dead_letters", line: "dead", colour: "alert", value: f => number(f.dead_letters) + (f.dead_letters >= 10000 ? "+" : "") },
];

const sum = (series, key) => series.reduce((all, m) => all + m[key], 0);

export function overview(context) {
    const sentence = h("div", { class: "sentence" }, loading());
    const figures = h("dl", { class: "figures" });
    const paces = h("p", { class: "paces" });
    const told = h("p", { class: "told", "aria-hidden": "true" });
    const chart = h("div", { class: "chart" });
    const chart_words = h("p", { class: "off-screen" });
    const abnormal = h("div", { class: "abnormal" }, loading());
    const health = h("div", {});
    const health_beside = h("span", {});
    const counts = h("span", { class: "count" });
    const tiles = kFigures.map(figure => {
        const value = h("dd", { class: "value" });
        const below = h("dd", { class: "below" });
        const line = h("dd", { class: "line", "aria-hidden": "true" });
        const tile = h("div", { class: "figure" }, h("dt", {}, t("f_" + figure.key)), value, below, line);
        figures.append(tile);
        return { ...figure, tile, value_at: value, below, plot: sparkline(line, figure.colour) };
    });
    let series = [];
    const lines = [
        { name: "in", key: "received" }, { name: "out", key: "sent" },
        { name: "warning", key: "failed", dash: [5, 4] }, { name: "alert", key: "dead", dash: [2, 3] },
    ];
    const tell = index => {
        const at = index ?? series.length - 2;
        const minute = series[at];
        if (!minute) return;
        replace(told, h("span", { class: "minute" }, clock_text(Date.parse(minute.minute) / 1000)),
            lines.map(line => h("span", { class: "key key-" + line.name }, t("l_" + line.key) + " ", h("b", {}, number(minute[line.key])))));
    };
    const plot = hour(chart, lines, tell);

    function show(o, connection) {
        const said = worded(o, connection);
        const is_old = connection !== "live";
        const level = is_old ? "alert" : o.level;
        element.classList.toggle("is-old", is_old);
        replace_if_changed(sentence, [level, said], () => [
            h("span", { class: "glyph glyph-" + level }, icon(!is_old && o.sentence.code.startsWith("paused") ? "paused" : level, 34)),
            h("div", {}, h("h1", { tabindex: "-1", "data-level": level }, said.words),
                said.todo ? h("p", { class: "todo" }, h("strong", {}, t("what_to_do") + " "), said.todo) : null,
                said.said ? h("p", { class: "said" }, foreign(said.said)) : null),
        ]);
        for (const tile of tiles) {
            tile.value_at.textContent = tile.value(o.figures);
            tile.below.textContent = t("b_" + tile.key, {
                n: tile.key === "oldest_due" ? o.figures.waiting : sum(o.series, tile.line),
                count: number(tile.key === "oldest_due" ? o.figures.waiting : sum(o.series, tile.line)),
                failed: number(sum(o.series, "failed")),
            });
            tile.plot.draw([o.series.map((_, i) => i), o.series.map(m => m[tile.line])]);
        }
        tiles[2].tile.classList.toggle("is-late", o.figures.oldest_due_seconds > 10);
        tiles[3].tile.classList.toggle("is-late", o.figures.dead_letters > 0);
        replace_if_changed(paces, o.latency, () => ["ack_p99_ms", "routed_p99_ms", "send_p99_ms"].map(key =>
            h("span", { class: "pace" }, t("p_" + key) + " ", h("b", {}, o.latency[key] === null ? "–" : gap(o.latency[key])))));
        series = o.series;
        plot.draw([series.map(m => Date.parse(m.minute) / 1000), ...lines.map(line => series.map(m => m[line.key]))]);
        tell(undefined);
        chart_words.textContent = t("chart_words", Object.fromEntries(lines.map(l => [l.key, number(sum(series, l.key))])));
        replace_if_changed(health_beside, [o.sql, o.command], () => copies(o, "health"));
        replace_if_changed(health, o.health, () => table(t("health"), [
            { name: t("c_state"), class: "narrow state-cell", cell: r => state(r.state, t("state_" + r.state)) },
            { name: t("c_figure"), class: "label-cell", cell: r => figure_words(r.figure).name },
            { name: t("c_value"), class: "figure-cell", cell: r => (r.value === null ? "–" : number(r.value, 1) + figure_words(r.figure).unit) },
            { name: t("c_threshold"), class: "quiet narrow", cell: r => threshold(r.threshold) },
            { name: t("c_advice"), class: "wide-cell", cell: r => (r.state === "ok" ? "" : foreign_words(r.advice)) },
        ], o.health, { class: "health-table" }));
    }

    function show_abnormal(found) {
        counts.textContent = found.items.length ? number(found.items.length) : "";
        replace_if_changed(abnormal, found.items, () => (found.items.length
            ? h("ul", { class: "cards" }, found.items.map((item, i) => card(item, i, context)))
            : nothing(t("nothing_abnormal"))));
    }

    let timer = 0;
    let is_left = false;
    async function look() {
        clearTimeout(timer);
        try {
            show_abnormal(await get("abnormal"));
        } catch (problem) {
            if (!is_left) {
                abnormal.removeAttribute("data-shown");
                replace(abnormal, trouble(problem, look));
            }
        }
        if (!is_left) timer = setTimeout(() => (document.hidden ? (timer = setTimeout(look, kAbnormalMs)) : look()), kAbnormalMs);
    }

    const element = h("div", { class: "overview" }, sentence, h("section", { "aria-label": t("figures") }, figures, paces),
        h("section", {}, h("div", { class: "heading" }, h("h2", {}, t("not_normal"), " ", counts)), abnormal),
        h("section", { class: "panel" }, heading(t("last_hour"), told), chart, chart_words),
        h("section", {}, heading(t("health"), health_beside), health));
    let leave_live;
    return {
        title: t("overview"), element,
        async entered() {
            leave_live = listen((o, connection) => { if (o) show(o, connection); });
            look();
            await refresh();
        },
        look,
        leave() {
            is_left = true;
            clearTimeout(timer);
            leave_live?.();
            plot.end();
            for (const tile of tiles) tile.plot.end();
        },
    };
}

function threshold(words) {
    const found = /^(?:(ok|alert|warning) (above|below|from) ([\d.]+))(?:, (alert) (above|below) ([\d.]+))?$/.exec(words);
    if (!found) return words;
    const part = (state, relation, value) => t("t_" + relation, { state: t("state_" + state), value: number(Number(value)) });
    return part(found[1], found[2], found[3]) + (found[4] ? ", " + part(found[4], found[5], found[6]) : "");
}

// In the viewer's language where it is known there; a screen reader is told where it is not.
function foreign_words(sentence) {
    const { text, lang } = translated(sentence);
    return h("span", { lang }, foreign(text));
}

function card_words(sentence) {
    const { text, lang } = translated(sentence);
    return h("p", { class: "card-words", lang }, spoken(text));
}

const kLevels = { breaker: "alert", pause: "paused", instance: "alert", migrations: "alert" };

function card(item, i, context) {
    const key = item.kind + (item.id ?? i);
    return h("li", { class: "card card-" + (kLevels[item.kind] ?? "warning") },
        h("div", { class: "card-head" },
            state(kLevels[item.kind] ?? "warning", named("abnormal", item.kind)),
            item.count !== null && item.kind !== "breaker" ? h("span", { class: "card-count" }, number(item.count)) : null,
            item.id && item.kind !== "dead_letters" ? foreign(item.id, { class: "card-id" }) : null),
        item.words ? card_words(item.words) : h("p", { class: "card-words" }, t("no_reason")),
        h("p", { class: "card-facts" },
            item.since ? h("span", {}, t("since") + " ", moment(item.since)) : null,
            item.last_at && item.last_at !== item.since ? h("span", {}, t(item.kind === "breaker" ? "next_probe" : "last") + " ", moment(item.last_at)) : null,
            item.kind === "breaker" && item.count ? h("span", {}, t("failed_probes", { n: item.count, count: number(item.count) })) : null,
            item.tenant_id ? h("span", {}, tenant_link(item.tenant_id, item.tenant_name)) : null,
            item.example ? h("span", {}, t("example") + " ", film_link(item.example)) : null),
        h("p", { class: "card-advice" }, is_known("advice", item.kind) ? named("advice", item.kind) : h("span", { lang: "en" }, spoken(item.advice))),
        h("div", { class: "card-foot" },
            item.act && context.is_operator ? h("button", {
                type: "button", class: "button", "data-key": "act" + key, onclick: () => act(item, context),
            }, named("act", item.act.path)) : null,
            item.kind === "unknown" ? h("a", { class: "button", "data-key": "open" + key, href: "#/log?type=message_outcome_unknown" }, t("look")) : null,
            item.kind === "dead_letters" ? h("a", {
                class: "button", "data-key": "open" + key, href: "#/dead-letters?" + new URLSearchParams({ reason: item.words, job_type: item.id ?? "" }),
            }, t("look")) : null,
            copies(item, key)));
}

function act(item, context) {
    ask({
        title: named("act", item.act.path), words: item.words,
        fields: [{ name: "why", label: t("why"), required: true, hint: t("why_hint") }],
        is_grave: item.act.path.endsWith("discard"),
        act: async values => {
            const done = await post(item.act.path, { ...item.act.body, why: values.why });
            context.look_again();
            return done.words ?? t("settled_" + done.act, { n: done.done, count: number(done.done) });
        },
    });
}

