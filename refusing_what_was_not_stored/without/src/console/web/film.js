// What happened to one message: every step in order, with the time between.
import { get } from "./api.js";
import { buttons, reveals, status_words } from "./acts.js";
import { foreign, h, icon, replace_if_changed, replace } from "./dom.js";
import { copies, copy_id, film_link, loading, page_title, person, state, tenant_link, told, trouble } from "./parts.js";
import { day_of, day_text, gap, moment, number } from "./time.js";
import { named, t } from "./words.js";

const kAgainMs = 2000;
const kBad = /dead|failed|undelivered|blocked|expired|canceled|unknown/;
const kActed = /retried|discarded/;
const kGood = /delivered|read$|handled|message_sent|callback: sent/;

const level_of_step = what => (kActed.test(what) ? "plain" : kBad.test(what) ? "bad" : kGood.test(what) ? "good" : "plain");
const level_of_status = status =>
    (({ dead: "alert", failed: "warning", unknown: "warning", undelivered: "alert", blocked: "paused", canceled: "paused", expired: "warning" })[status]
        ?? (["sent", "delivered", "read"].includes(status) ? "ok" : "info"));

export function film(context, { id }) {
    const place = h("div", {}, loading());
    const beside = h("div", { class: "beside" });
    const element = h("div", { class: "film" },
        h("div", { class: "heading" }, page_title(t("film"), h("p", { class: "hint id-line" }, foreign(id, { class: "id" }), copy_id(id))), beside), place);
    let timer = 0;
    let is_left = false;
    let is_asked = false;
    let shown = "";

    async function look() {
        clearTimeout(timer);
        try {
            const found = await get("trace", { id });
            if (is_left) return;
            // The sentence has "2 min ago" in it and changes by itself.
            replace_if_changed(beside, [found.sql, found.command], () => copies(found, "film"));
            replace_if_changed(place, { ...found, sentence: found.sentence.replace(/ \([^)]*\)/g, "") }, () => show(found));
            const sentence = place.querySelector(".explain p");
            if (sentence && shown !== found.sentence) replace(sentence, told(found.sentence));
            shown = found.sentence;
            if (!is_asked) context.say(found.sentence);
            is_asked = true;
        } catch (problem) {
            if (!is_left && !is_asked) replace(place, trouble(problem, look));
        }
        if (!is_left) later();
    }

    // While nobody sees it, it waits, and goes on when somebody does.
    function later() {
        timer = setTimeout(() => (document.hidden ? later() : look()), kAgainMs);
    }

    function show(found) {
        const main = found.subjects.find(s => s.id === id || s.provider_message_id === id) ?? found.subjects[0];
        return [
            h("div", { class: "explain explain-" + (main ? level_of_status(main.status) : "info") },
                icon(main ? level_of_status(main.status) : "info", 26), h("p", { lang: "en" }, told(found.sentence))),
            h("div", { class: "film-body" },
                h("section", { class: "film-steps", "aria-label": t("steps") }, steps(found.steps)),
                h("div", { class: "subjects" }, found.subjects.map(s => subject(s, context, look)))),
        ];
    }

    return {
        title: t("film"), element,
        async entered() {
            await look();
        },
        look,
        leave() {
            is_left = true;
            clearTimeout(timer);
        },
    };
}

function steps(list) {
    let day = "";
    let before = "";
    if (!list.length) return h("p", { class: "hint" }, t("no_steps"));
    return h("ol", { class: "steps" }, list.map(step => {
        const is_new_day = step.at && day_of(step.at) !== day;
        if (step.at) day = day_of(step.at);
        const wait = step.ms_since_previous;
        const is_other = step.entity && step.entity !== before;
        before = step.entity ?? before;
        return [
            is_new_day ? h("li", { class: "step-day" }, day_text(step.at)) : null,
            wait !== null && wait >= 0 ? h("li", { class: "gap gap-" + Math.min(4, Math.max(0, Math.floor(Math.log10(Math.max(wait, 1)) - 1))) },
                h("span", { class: "off-screen" }, t("after") + " "), h("span", {}, gap(wait))) : null,
            h("li", { class: "step step-" + level_of_step(step.what) },
                h("div", { class: "step-head" }, h("b", {}, words_of(step.what)), step.at ? moment(step.at) : null),
                step.detail ? h("p", { class: "step-detail", lang: "en" }, told(step.detail)) : null,
                is_other ? h("p", { class: "step-entity" }, entity(step.entity)) : null),
        ];
    }));
}

function words_of(what) {
    const callback = /^callback: (.*)$/.exec(what);
    return callback ? t("callback", { status: status_words(callback[1]) }) : named("step", what);
}

function entity(text) {
    const [, kind, id] = /^(\S+) (.*)$/s.exec(text) ?? [null, text, ""];
    return [named("kind", kind), " ", id ? film_link(id) : ""];
}

function fact(name, value) {
    return value === null || value === undefined || value === "" ? null : [h("dt", {}, name), h("dd", {}, value)];
}

function subject(s, context, again) {
    const id_of = id => (id ? [h("span", { class: "id" }, foreign(id)), copy_id(id)] : null);
    const acts = context.is_operator ? [buttons(s, again), reveals(s)].flat(2).filter(Boolean) : [];
    return h("section", { class: "panel subject", "aria-label": named("kind", s.kind) },
        h("div", { class: "heading" }, h("h2", {}, named("kind", s.kind)), s.status ? state(level_of_status(s.status), status_words(s.status)) : null),
        h("dl", { class: "facts" },
            fact(t("c_tenant"), tenant_link(s.tenant_id, s.tenant_name)),
            fact(t("c_person"), s.person ? person(s.person) : null),
            fact(t("c_at"), s.at ? moment(s.at) : null),
            fact(t("c_attempts"), s.attempts ? number(s.attempts) : null),
            fact(t("c_error"), s.last_error ? h("span", { lang: "en" }, foreign(s.last_error)) : s.error_code),
            fact(t("c_held"), s.held_reason ? foreign(s.held_reason) : null),
            fact(t("c_body"), s.body_characters === null ? null : t("characters", { n: s.body_characters, count: number(s.body_characters) })
                + (s.media ? ", " + t("media", { n: s.media, count: number(s.media) }) : "")),
            fact(t("c_id"), id_of(s.id)),
            fact(t("c_sid"), id_of(s.provider_message_id)),
            fact(t("c_correlation"), s.correlation_id ? [h("a", { class: "id", href: "#/film?id=" + encodeURIComponent(s.correlation_id) }, foreign(s.correlation_id)), copy_id(s.correlation_id)] : null)),
        h("div", { class: "subject-foot" },
            s.can.includes("conversation") ? h("a", { class: "button", href: "#/conversation?of=" + encodeURIComponent(s.id) }, icon("chat", 16), t("conversation")) : null,
            s.correlation_id ? h("a", { class: "button", href: "#/log?correlation_id=" + encodeURIComponent(s.correlation_id) }, icon("log", 16), t("log")) : null,
            acts));
}

