// What a person can do to one message, and what they can reveal of it. Each asks why first.
import { post } from "./api.js";
import { ask, show } from "./dialog.js";
import { h } from "./dom.js";
import { copies, copy_id, film_link, told } from "./parts.js";
import { number } from "./time.js";
import { named, t } from "./words.js";

const why = () => ({ name: "why", label: t("why"), required: true, hint: t("why_hint") });

function button(key, act, is_grave = false) {
    return h("button", { type: "button", class: "button" + (is_grave ? " grave" : ""), "data-key": key, onclick: act }, t("a_" + key));
}

/// What was done, and how the same is done elsewhere.
export function did(answer, words = answer.words) {
    return [words, " ", copies(answer)];
}

/// The buttons of one subject of a film: what `can` names.
/// done  called after each act
export function buttons(subject, done) {
    const can = name => subject.can.includes(name);
    const one = (path, is_grave = false) => button(path, () => ask({
        title: t("a_" + path), words: t("w_" + path), fields: [why()], is_grave,
        act: async values => {
            const answer = await post(path, { id: subject.id, why: values.why });
            done();
            return did(answer);
        },
    }), is_grave);
    const settle = was_sent => button(was_sent ? "settle_sent" : "settle_not_sent", () => ask({
        title: t(was_sent ? "a_settle_sent" : "a_settle_not_sent"), words: t("w_settle"), fields: [why()],
        act: async values => {
            const answer = await post("settle", { id: subject.id, was_sent, why: values.why });
            done();
            return did(answer);
        },
    }));
    return [
        can("release") ? one("release") : null,
        can("settle") ? [settle(true), settle(false)] : null,
        can("retry") ? button("retry", () => ask_letters({ act: "retry", choice: { ids: [subject.dead_letter_id ?? subject.id] }, count: 1, done })) : null,
        can("cancel") ? one("cancel", true) : null,
    ];
}

/// What can be revealed, each an audited act.
export function reveals(subject) {
    const can = name => subject.can.includes(name);
    const reveal = (kind, id, what, name) => button("reveal_" + what, () => reveal_one(kind, id, what, name));
    return [
        can("reveal_body") ? reveal(subject.kind, subject.id, "body", "body") : null,
        can("reveal_number") ? reveal(subject.kind, subject.id, "number", "number") : null,
        can("reveal_raw") && subject.event_id ? reveal("webhook_event", subject.event_id, "raw", "raw") : null,
    ];
}

/// Asks why, reveals, and shows it; `then`, where it is given, shows it instead.
export function reveal_one(kind, id, what, name = what, then = undefined) {
    let revealed;
    return ask({
        title: t("a_reveal_" + what), words: t("w_reveal"), fields: [why()], button: t("reveal"),
        act: async values => {
            revealed = await post("reveal", { kind, id, what, why: values.why });
            return "";
        },
    }).then(is_done => {
        if (!is_done) return;
        if (then) then(revealed);
        else show({ title: t("r_" + name), body: revealed_text(revealed) });
    });
}

function pretty(text) {
    try {
        return JSON.stringify(JSON.parse(text), null, 2);
    } catch {
        return text;
    }
}

export function revealed_text(revealed) {
    const text = revealed.what === "raw" ? pretty(revealed.value) : revealed.value;
    return h("div", { class: "revealed" },
        h("p", { class: "hint" }, t("revealed_hint")),
        h("pre", { dir: "auto", tabindex: "0", class: revealed.what }, text), copy_id(text, true),
        revealed.media.length ? h("ul", { class: "media" }, revealed.media.map(address => h("li", {}, address))) : null);
}

/// Retry or discard: shows what it would do, asks why, does it.
/// choice  {ids} or {filter}
/// count   how many are meant, as far as is known
export async function ask_letters({ act, choice, count, done }) {
    const preview = h("div", { class: "preview", "aria-live": "polite" }, h("p", { class: "hint" }, t("preview_loading")));
    post("dead-letters/preview", { act, ...choice }).then(found => preview.replaceChildren(preview_of(found)),
        problem => preview.replaceChildren(h("p", { class: "field-trouble" }, problem.message)));
    return ask({
        title: t(act === "retry" ? "retry_n" : "discard_n", { n: count, count: number(count) }),
        words: t(act === "retry" ? "w_retry" : "w_discard"), body: [preview], is_grave: act === "discard",
        button: t("a_" + act),
        fields: [
            { name: "why", label: t("why"), required: true, hint: t("why_hint") },
            act === "retry" && count !== 1
                ? { name: "per_second", label: t("per_second"), hint: t("per_second_hint"), type: "number" } : null,
        ].filter(Boolean),
        act: async values => {
            const body = { ...choice, why: values.why };
            if (Number(values.per_second) > 0) body.per_second = Number(values.per_second);
            const found = await post("dead-letters/" + act, body);
            done(found);
            const undone = found.chosen - found.done;
            return [t("settled_" + act, { n: found.done, count: number(found.done) }),
                undone ? t("not_done", { n: undone, count: number(undone) }) + " " + (found.results.find(r => !r.is_done)?.words ?? "") : "",
                found.remaining ? t("remaining", { n: found.remaining, count: number(found.remaining) }) : ""].filter(Boolean).join(" ");
        },
    });
}

function letter_line(letter) {
    return h("li", { lang: "en" }, letter.entity_id ? [film_link(letter.entity_id), " "] : null, told(letter.words));
}

function preview_of(found) {
    const undone = found.results.filter(r => !r.is_done);
    return h("div", {},
        h("p", { class: "preview-sum" }, t("would_" + found.act, { n: found.done, count: number(found.done), chosen: number(found.chosen) })),
        undone.length ? h("details", {}, h("summary", {}, t("would_not", { n: found.chosen - found.done, count: number(found.chosen - found.done) })),
            h("ul", {}, undone.slice(0, 20).map(letter_line))) : null,
        found.results.some(r => r.is_done) ? h("details", {}, h("summary", {}, t("would_which")),
            h("ul", {}, found.results.filter(r => r.is_done).slice(0, 20).map(letter_line))) : null,
        copies(found, "preview"),
        found.remaining ? h("p", { class: "hint" }, t("would_remain", { n: found.remaining, count: number(found.remaining) })) : null);
}

export function status_words(status) {
    return status ? named("status", status) : "";
}
