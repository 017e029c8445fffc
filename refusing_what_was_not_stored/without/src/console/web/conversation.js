// The messages of one tenant with one person, as a chat. Bodies are hidden until somebody reveals one, which is written down.
import { get, post } from "./api.js";
import { did, reveal_one, status_words } from "./acts.js";
import { ask } from "./dialog.js";
import { foreign, h, icon, replace } from "./dom.js";
import { copies, film_link, loading, Pages, page_title, person, state, tenant_link, trouble } from "./parts.js";
import { day_of, day_text, moment, number } from "./time.js";
import { t } from "./words.js";

export function conversation(context, { of, tenant }) {
    const place = h("div", {}, loading());
    const head = h("div", {});
    const element = h("div", { class: "conversation" }, head, place);
    const bodies = new Map();
    let found;

    const pages = new Pages((items, page) => {
        found = page;
        show_head();
        show(items);
    }, async before => {
        const page = await get("conversation", { "person-of": of, tenant, before });
        return { ...page, items: page.messages };
    });

    function show_head() {
        replace(head, h("div", { class: "heading" },
            page_title(t("conversation"), h("p", { class: "hint" },
                tenant_link(found.tenant_id, found.tenant_name),
                " ↔ ", person(found.person))),
            h("div", { class: "beside" }, found.is_opted_out ? state("paused", t("is_opted_out")) : null,
                context.is_operator ? h("button", { type: "button", class: "button", onclick: opt_out }, t(found.is_opted_out ? "opt_in" : "opt_out")) : null,
                copies(found, "conversation"))));
    }

    function opt_out() {
        const act = found.is_opted_out ? "remove" : "add";
        ask({
            title: t(act === "add" ? "opt_out" : "opt_in"), words: t(act === "add" ? "w_opt_out" : "w_opt_in"),
            fields: [{ name: "why", label: t("why"), required: true, hint: t("why_hint") }],
            act: async values => {
                const done = await post("opt-outs", { act, tenant: found.tenant_id, person_of: of, why: values.why });
                await pages.begin();
                return did(done);
            },
        });
    }

    function show(items) {
        let day = "";
        const oldest_first = [...items].reverse();
        replace(place, pages.button(),
            !found.next && !found.is_complete ? h("p", { class: "hint" }, t("older_not_shown")) : null,
            h("ol", { class: "chat" }, oldest_first.map(m => {
                const is_new_day = day_of(m.at) !== day;
                day = day_of(m.at);
                return [is_new_day ? h("li", { class: "chat-day" }, day_text(m.at)) : null, bubble(m)];
            })));
    }

    function bubble(m) {
        const text = h("div", { class: "bubble-text" });
        const hide = () => {
            replace(text, h("span", { class: "hidden-body" }, t("characters", { n: m.body_characters, count: number(m.body_characters) }),
                m.media ? ", " + t("media", { n: m.media, count: number(m.media) }) : ""),
            context.is_operator ? h("button", {
                type: "button", class: "bare small", "data-key": "reveal" + m.id,
                onclick: () => reveal_one(m.direction === "in" ? "message_in" : "message_out", m.id, "body", "body", revealed => {
                    bodies.set(m.id, revealed);
                    tell(revealed);
                }),
            }, icon("eye", 15), t("reveal")) : null);
        };
        const tell = revealed => replace(text, h("p", { class: "body", dir: "auto", tabindex: "0" }, revealed.value),
            revealed.media.length ? h("ul", { class: "media" }, revealed.media.map(address => h("li", {}, address))) : null);
        bodies.has(m.id) ? tell(bodies.get(m.id)) : hide();
        const is_bad = ["dead", "failed", "unknown", "undelivered", "blocked", "expired"].includes(m.status);
        return h("li", { class: `bubble bubble-${m.direction}${is_bad ? " is-bad" : ""}` },
            h("span", { class: "off-screen" }, t(m.direction === "in" ? "from_person" : "to_person")),
            text,
            m.last_error ? h("p", { class: "bubble-error", lang: "en" }, foreign(m.last_error)) : null,
            h("p", { class: "bubble-foot" }, moment(m.at), " · ",
                m.direction === "out" && m.status ? [status_words(m.status), " · "] : null, film_link(m.id, t("film"))));
    }

    return {
        title: t("conversation"), element,
        async entered() {
            try {
                await pages.begin();
            } catch (problem) {
                replace(head, page_title(t("conversation")));
                replace(place, trouble(problem, this.entered));
            }
        },
    };
}
