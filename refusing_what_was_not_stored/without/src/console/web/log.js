// event_log with filters, live; and of it what people did.
import { get } from "./api.js";
import { foreign, h, replace } from "./dom.js";
import { copies, film_link, loading, nothing, page_title, Pages, short, table, tag, tenant_link, told, trouble } from "./parts.js";
import { day_of, day_text, moment } from "./time.js";
import { named, t } from "./words.js";

const kLiveMs = 2000;
const kKept = 500;
const kLateMs = 30000;
const kTypes = [
    "webhook_received", "idempotent_ignored", "message_sent", "message_failed", "message_delivered", "message_read", "message_undelivered",
    "message_dead_lettered", "message_outcome_unknown", "message_held", "message_released", "message_canceled", "message_expired",
    "message_blocked_optout", "opt_out_recorded", "opt_out_revoked", "sending_paused", "sending_resumed", "sending_paused_by_hand",
    "sending_resumed_by_hand", "dead_letter_retried", "dead_letter_discarded", "webhook_dead_lettered", "events_rerouted", "person_erased", "message_revealed", "alert_raised", "alert_ended",
    "tenant_added", "tenant_changed", "tenant_removed", "seller_added", "seller_removed",
];
const kBad = /dead|failed|undelivered|unknown|held|expired|blocked|paused$/;
const kActed = /retried|discarded/;
const kGood = /delivered|read$|sent$|resumed/;

const kUuid = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi;

const level_of = type => (kActed.test(type) ? "plain" : kBad.test(type) ? "bad" : kGood.test(type) ? "good" : "plain");

// The browser's own field has the viewer's zone and no zone in its value.
const to_iso = local => (local ? new Date(local).toISOString() : undefined);
const to_local = iso => {
    if (!iso) return "";
    const date = new Date(iso);
    return new Date(date.getTime() - date.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
};

function entity_cell(item) {
    if (!item.entity_id) return named("kind", item.entity_type);
    if (["person", "opt_out", "scope"].includes(item.entity_type))
        return [h("span", { class: "quiet" }, named("kind", item.entity_type) + " "), foreign(item.entity_id, { class: "number" })];
    const has_film = ["message_in", "message_out", "webhook_event"].includes(item.entity_type);
    return [h("span", { class: "quiet" }, named("kind", item.entity_type) + " "), has_film ? film_link(item.entity_id) : foreign(item.entity_id.replace(kUuid, short))];
}

const tenant_cell = item => tenant_link(item.tenant_id, item.tenant_name);

export function log(context, parameters) {
    const place = h("div", {}, loading());
    const beside = h("div", { class: "beside" });
    const tenants = h("datalist", { id: "tenant-ids" });
    const fields = {
        tenant: h("input", { name: "tenant", type: "text", list: "tenant-ids", value: parameters.tenant ?? "", autocomplete: "off", spellcheck: "false" }),
        type: h("select", { name: "type" }, h("option", { value: "" }, t("any")),
            [...new Set([...kTypes, parameters.type].filter(Boolean))].map(type =>
                h("option", { value: type, selected: type === parameters.type }, named("step", type)))),
        correlation_id: h("input", { name: "correlation_id", type: "text", value: parameters.correlation_id ?? "", autocomplete: "off", spellcheck: "false" }),
        from: h("input", { name: "from", type: "datetime-local", value: to_local(parameters.from) }),
        to: h("input", { name: "to", type: "datetime-local", value: to_local(parameters.to) }),
    };
    const live_box = h("input", { type: "checkbox", name: "live", onchange: () => (live_box.checked ? go_on() : clearTimeout(timer)) });
    live_box.checked = !parameters.to;
    const form = h("form", { class: "filters", role: "search", "aria-label": t("log_filters") },
        Object.entries(fields).map(([name, input]) => h("label", { class: "field" }, h("span", {}, t("c_" + name)), input)),
        h("div", { class: "filters-foot" }, h("button", { type: "submit", class: "button primary" }, t("filter")),
            h("a", { class: "button", href: "#/log" }, t("clear")),
            h("label", { class: "check" }, live_box, t("live"))));
    // The filter takes an id, and people know the name: the list has both.
    fields.tenant.addEventListener("focus", async () => {
        const page = await get("tenants", { limit: 100 }).catch(() => ({ items: [] }));
        replace(tenants, page.items.map(tenant => h("option", { value: tenant.id }, tenant.name)));
    }, { once: true });
    form.addEventListener("submit", event => {
        event.preventDefault();
        const asked = {
            tenant: fields.tenant.value.trim(), type: fields.type.value, correlation_id: fields.correlation_id.value.trim(),
            from: to_iso(fields.from.value), to: to_iso(fields.to.value),
        };
        const query = new URLSearchParams(Object.entries(asked).filter(([, value]) => value));
        const address = "#/log" + (query.size ? "?" + query : "");
        if (address === location.hash) begin();
        else context.go(address);
    });
    const element = h("div", { class: "log" },
        h("div", { class: "heading" }, page_title(t("log"), h("p", { class: "hint" }, t("log_hint"))), beside), form, tenants, place);

    const asked = { tenant: parameters.tenant, type: parameters.type, correlation_id: parameters.correlation_id, from: parameters.from, to: parameters.to };
    const pages = new Pages(show, before => get("log", { ...asked, before, limit: 50 }));
    let timer = 0;
    let is_left = false;
    let fresh = new Set();
    let grown = 0;

    function show(items, page) {
        replace(beside, copies(page, "log"));
        const looked_to = page.looked_to ? moment(page.looked_to) : null;
        replace(place, items.length ? rows(items) : looked_to ? null : nothing(t("no_events")),
            h("div", { class: "foot" }, pages.button(),
                looked_to ? h("p", { class: "hint", role: "status" }, t(items.length ? "looked_to" : pages.is_looking ? "looks_to" : "none_to") + " ", looked_to) : null));
    }

    function rows(items) {
        let day = "";
        return h("ol", { class: "events" }, items.map(item => {
            const is_new_day = day_of(item.at) !== day;
            day = day_of(item.at);
            return [
                is_new_day ? h("li", { class: "event-day" }, day_text(item.at)) : null,
                h("li", { class: `event event-${level_of(item.type)}${fresh.has(item.id) ? " is-fresh" : ""}` },
                    moment_short(item.at),
                    h("span", { class: "event-type" }, named("step", item.type)),
                    h("span", { class: "event-entity" }, entity_cell(item)),
                    h("span", { class: "event-tenant" }, tenant_cell(item)),
                    h("span", { class: "event-detail", lang: "en" },
                        item.by ? tag(foreign(item.by), "who") : null, item.detail ? foreign(item.detail) : null,
                        item.reason && !item.detail?.includes(item.reason) ? foreign(" " + item.reason) : null)),
            ];
        }));
    }

    async function newer() {
        if (document.hidden || pages.last === undefined) return;
        const turn = pages.turn;
        // A row has the time of before its COMMIT: one that was written beside the newest may be seen after it.
        const since = pages.items[0] ? new Date(Date.parse(pages.items[0].at) - kLateMs).toISOString() : asked.from;
        const page = await get("log", { ...asked, from: asked.from && since < asked.from ? asked.from : since, limit: 100 });
        if (is_left || turn !== pages.turn) return;
        const have = new Set(pages.items.map(i => i.id));
        const added = page.items.filter(i => !have.has(i.id));
        if (!added.length) return;
        grown += added.length;
        if (grown > kKept || (page.next && pages.items.length && added.length === page.items.length)) {
            // More came than one page holds, or than a page can be read of: begin again at the newest.
            grown = 0;
            await pages.begin();
            return;
        }
        fresh = new Set(added.map(i => i.id));
        pages.items = [...added, ...pages.items].sort((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : 0));
        show(pages.items, pages.last);
    }

    function go_on() {
        clearTimeout(timer);
        if (is_left || !live_box.checked) return;
        timer = setTimeout(async () => {
            try {
                await newer();
            } catch { /* the header says that nothing comes; the next turn tries again */ }
            go_on();
        }, kLiveMs);
    }

    async function begin() {
        try {
            await pages.begin();
            go_on();
        } catch (problem) {
            replace(place, trouble(problem, begin));
        }
    }

    return {
        title: t("log"), element, entered: begin,
        leave() {
            is_left = true;
            clearTimeout(timer);
            pages.end();
        },
    };
}

function moment_short(iso) {
    const element = moment(iso);
    element.textContent = new Date(iso).toLocaleTimeString(document.documentElement.lang, { hourCycle: "h23" });
    return element;
}

export function audit(context) {
    const place = h("div", {}, loading());
    const beside = h("div", { class: "beside" });
    const element = h("div", { class: "audit" },
        h("div", { class: "heading" }, page_title(t("audit"), h("p", { class: "hint" }, t("audit_hint"))), beside), place);
    const pages = new Pages((items, page) => {
        replace(beside, copies(page, "audit"));
        replace(place, items.length ? table(t("audit"), [
            { name: t("c_at"), class: "time-cell", cell: i => moment(i.at) },
            { name: t("c_who"), cell: i => foreign(i.by ?? "–") },
            { name: t("c_did"), cell: i => h("span", { class: "strong" }, named("step", i.type)) },
            { name: t("c_of"), cell: entity_cell },
            { name: t("c_tenant"), cell: tenant_cell },
            { name: t("c_reason"), class: "wide-cell", cell: i => [i.reason ? foreign(i.reason) : null, i.detail && i.detail !== i.reason ? h("div", { class: "quiet", lang: "en" }, told(i.detail)) : null] },
        ], items) : nothing(t("no_acts")), h("div", { class: "foot" }, pages.button()));
    }, before => get("audit", { before }));
    const again = () => pages.begin().catch(problem => replace(place, trouble(problem, again)));
    return { title: t("audit"), element, entered: again, look: again };
}
