// The shops: their numbers, their load, and what holds them up.
import { get, post } from "./api.js";
import { did } from "./acts.js";
import { ask } from "./dialog.js";
import { foreign, h, icon, replace } from "./dom.js";
import { copies, loading, page_title, Pages, person, short, state, table, trouble } from "./parts.js";
import { moment, number, span } from "./time.js";
import { t } from "./words.js";

const why = () => ({ name: "why", label: t("why"), required: true, hint: t("why_hint") });

export function tenants(context, { id }) {
    const head = h("div", {}, page_title(t("tenants")));
    const place = h("div", {}, loading());
    const element = h("div", { class: "tenants" }, head, place);
    const pages = new Pages(show, after => get("tenants", { after, id }));
    const fail = problem => replace(place, trouble(problem, again));
    const again = () => pages.begin().catch(fail);

    function pause(scope, of, name) {
        ask({
            title: scope === "all" ? t("pause_all") : t("pause_one", { name }), words: t("w_pause"), fields: [why()], is_grave: scope === "all",
            button: t("a_pause"),
            act: async values => {
                const done = await post("pause", { scope, id: of, why: values.why });
                context.look_again();
                await again();
                return did(done, done.words.startsWith("paused") ? t("paused_now") : done.words);
            },
        });
    }

    function resume(scope, of, name) {
        ask({
            title: scope === "all" ? t("resume_all") : t("resume_one", { name }), fields: [why()], button: t("a_resume"),
            act: async values => {
                const done = await post("resume", { scope, id: of, why: values.why });
                context.look_again();
                await again();
                return did(done, t("resumed_now"));
            },
        });
    }

    function opt_out(tenant) {
        ask({
            title: t("opt_outs_of", { name: tenant.name }), words: t("w_opt_outs"),
            fields: [
                { name: "person", label: t("person_number"), required: true, type: "tel", placeholder: "+33612345678" },
                { name: "act", label: t("act_kind"), options: [["add", t("opt_out_add")], ["remove", t("opt_out_remove")]], value: "add" },
                why(),
            ],
            button: t("record"),
            act: async values => {
                const done = await post("opt-outs", { act: values.act, tenant: tenant.id, person: values.person, why: values.why });
                await again();
                return did(done);
            },
        });
    }

    function standing(tenant) {
        if (tenant.paused) {
            return h("div", {}, state("paused", t("paused_scope_" + tenant.paused.scope)),
                h("p", { class: "cell-below" }, t("by") + " ", foreign(tenant.paused.by), " ", moment(tenant.paused.since),
                    tenant.paused.reason ? [": ", foreign(tenant.paused.reason)] : null));
        }
        if (tenant.all_stopped_since)
            return h("div", {}, state("alert", t("nobody_sends")), h("p", { class: "cell-below" }, t("since") + " ", moment(tenant.all_stopped_since)));
        if (tenant.breaker_open_since) return h("div", {}, state("alert", t("number_refused")), h("p", { class: "cell-below" }, t("since") + " ", moment(tenant.breaker_open_since)));
        if (tenant.oldest_due_seconds > 10) return state("warning", t("late_by", { span: span(tenant.oldest_due_seconds) }));
        return state("ok", t("sends"));
    }

    function acts(tenant) {
        if (!context.is_operator) return copies(tenant, tenant.id);
        const scope = tenant.paused?.scope;
        return h("div", { class: "row-acts" },
            scope === "tenant" ? h("button", { type: "button", class: "button primary", "data-key": "pause" + tenant.id, "aria-label": t("resume_one", { name: tenant.name }), onclick: () => resume("tenant", tenant.id, tenant.name) }, t("a_resume"))
                : scope === "sender" ? h("button", { type: "button", class: "button primary", "data-key": "pause" + tenant.id, "aria-label": t("resume_one", { name: tenant.name }), onclick: () => resume("sender", "tenant:" + tenant.id, tenant.name) }, t("a_resume"))
                    : h("button", { type: "button", class: "button", "data-key": "pause" + tenant.id, "aria-label": t("pause_one", { name: tenant.name }), onclick: () => pause("tenant", tenant.id, tenant.name) }, t("a_pause")),
            h("button", { type: "button", class: "button", "data-key": "opt" + tenant.id, "aria-label": t("a_opt_out") + " " + tenant.name, onclick: () => opt_out(tenant) }, t("a_opt_out")),
            copies(tenant, tenant.id));
    }

    function show(items, page) {
        const all_paused = items.find(i => i.paused?.scope === "all")?.paused;
        replace(head, h("div", { class: "heading" }, page_title(t("tenants"), id
            ? h("p", { class: "hint" }, h("a", { href: "#/tenants" }, icon("back", 14), t("all_tenants"))) : h("p", { class: "hint" }, t("tenants_hint"))),
        h("div", { class: "beside" },
            context.is_operator && !id ? (all_paused
                ? h("button", { type: "button", class: "button primary", "data-key": "pause_all", onclick: () => resume("all", null) }, t("resume_all"))
                : h("button", { type: "button", class: "button grave", "data-key": "pause_all", onclick: () => pause("all", null) }, t("pause_all"))) : null,
            copies(page, "tenants"))));
        replace(place, items.length ? table(t("tenants"), [
            { name: t("c_tenant"), class: "name-cell", cell: i => [h("a", { class: "strong", href: "#/tenants?id=" + encodeURIComponent(i.id) }, foreign(i.name)),
                h("p", { class: "cell-below" }, foreign(short(i.id), { class: "id", title: i.id })), h("p", { class: "cell-below" }, i.number ? person(i.number) : t("common_number"))] },
            { name: t("c_standing"), class: "wide-cell", cell: standing },
            { name: t("c_waiting"), class: "figure-cell", cell: i => number(i.waiting) },
            { name: t("c_in_flight"), class: "figure-cell", cell: i => number(i.in_flight) },
            { name: t("c_dead"), class: "figure-cell", cell: i => (i.dead_letters
                ? h("a", { href: "#/dead-letters?tenant=" + encodeURIComponent(i.id) }, number(i.dead_letters)) : "0") },
            { name: t("c_sellers"), class: "figure-cell", cell: i => number(i.sellers) },
            { name: t("c_opted_out"), class: "figure-cell", cell: i => number(i.opted_out) + (i.opted_out >= 1000 ? "+" : "") },
            { name: t("c_acts"), class: "narrow", cell: acts },
        ], items, { class: "tenant-table" }) : h("p", { class: "hint" }, t(id ? "no_tenant" : "no_tenants")),
        h("div", { class: "foot" }, pages.button(),
            id ? [h("a", { class: "button", href: "#/log?tenant=" + encodeURIComponent(id) }, icon("log", 16), t("log")),
                h("a", { class: "button", href: "#/dead-letters?tenant=" + encodeURIComponent(id) }, icon("dead", 16), t("dead_letters"))] : null));
    }

    return { title: t("tenants"), element, entered: again, look: again };
}
