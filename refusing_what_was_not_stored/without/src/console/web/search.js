// Anything to its messages: one match goes straight to its film.
import { post } from "./api.js";
import { foreign, h, replace } from "./dom.js";
import { copies, film_link, loading, nothing, page_title, person, table, tag, tenant_link, trouble } from "./parts.js";
import { moment } from "./time.js";
import { named, t } from "./words.js";

// A number in whatever form, or a WhatsApp user id: the program knows more forms of one than are listed here. What is surely an id,
// a name or short is none.
const is_person = q => /^(whatsapp:)?[a-z]{2}\./i.test(q) || (q.replace(/[^0-9]/g, "").length >= 7 && !/^(?=.*[a-z])[\w-]+$/i.test(q));

/// What may be a person stands in no address, so that it stays out of histories and of proxies' logs.
const asked = { person: "" };

export function address_of(q) {
    asked.person = "";
    if (!is_person(q)) return "#/search?q=" + encodeURIComponent(q);
    asked.person = q;
    return "#/search?number=" + Date.now().toString(36);
}

export function search(context, parameters) {
    const found_at = h("div", {}, loading());
    const element = h("div", {}, page_title(t("search")), found_at);
    const q = parameters.q ?? asked.person;

    async function look() {
        if (!q) {
            replace(found_at, h("p", { class: "hint" }, t(parameters.number ? "number_forgotten" : "search_hint")));
            return;
        }
        let found;
        try {
            found = await post("search", { q });
        } catch (problem) {
            replace(found_at, trouble(problem, look));
            return;
        }
        if (found.matches.length === 1 && found.matches[0].kind !== "tenant" && found.asked_for === "id") {
            context.go("#/film?id=" + encodeURIComponent(found.matches[0].id), true);
            return;
        }
        replace(found_at,
            found.matches.length ? results(found) : nothing(t("no_match"), t("no_match_hint")),
            found.is_complete ? null : h("p", { class: "hint" }, t("search_incomplete")));
        context.say(t("matches", { n: found.matches.length, count: found.matches.length }));
    }

    return { title: t("search"), element, entered: look };
}

function results(found) {
    return [
        h("div", { class: "heading" }, h("p", { class: "hint" }, t(found.asked_for === "person" ? "matches_person" : "matches", {
            n: found.matches.length, count: found.matches.length,
        })), h("div", { class: "beside" }, copies(found, "search"))),
        table(t("search"), [
            { name: t("c_what"), cell: m => tag(named("kind", m.kind), "kind-" + m.kind) },
            { name: t("c_id"), cell: m => (m.kind === "tenant"
                ? h("a", { class: "id", href: "#/tenants?id=" + encodeURIComponent(m.id) }, foreign(m.id)) : film_link(m.id)) },
            { name: t("c_tenant"), cell: m => tenant_link(m.tenant_id, m.tenant_name) },
            { name: t("c_person"), cell: m => person(m.person) },
            { name: t("c_status"), cell: m => (m.status ? named("status", m.status) : "") },
            { name: t("c_at"), class: "time-cell", cell: m => moment(m.at) },
        ], found.matches),
    ];
}
