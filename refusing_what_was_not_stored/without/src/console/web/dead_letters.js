// What was given up: grouped by reason, filtered, chosen, then retried or discarded.
import { get } from "./api.js";
import { ask_letters } from "./acts.js";
import { foreign, h, icon, replace } from "./dom.js";
import { copies, film_link, loading, nothing, page_title, Pages, person, table, tag, trouble } from "./parts.js";
import { moment, number } from "./time.js";
import { named, t } from "./words.js";

const no_reason = () => h("i", {}, t("no_reason"));

export function dead_letters(context, parameters) {
    const { reason, tenant, job_type, code } = parameters;
    // The group without a reason has an empty one.
    const is_filtered = reason !== undefined || [tenant, code].some(Boolean);
    const head = h("div", {}, page_title(t("dead_letters")));
    const groups = h("div", {}, loading());
    const list = h("div", {});
    const chosen = new Set();
    const bar = h("div", { class: "bar", role: "region", "aria-label": t("chosen_acts") });
    const element = h("div", { class: "dead-letters" }, head, groups, list);
    let all = null;

    const pages = new Pages(show, async before => get("dead-letters", { reason, tenant, job_type, code, before }));
    const again = () => {
        chosen.clear();
        context.look_again();
    };
    const fail = problem => replace(groups, trouble(problem, again));
    const filter = () => {
        const meant = {};
        for (const [key, value] of Object.entries({ reason, tenant, job_type })) if (value || (key === "reason" && value === "")) meant[key] = value;
        if (code) meant.code = Number(code);
        return meant;
    };
    const link = changes => {
        const query = new URLSearchParams(Object.entries({ reason, tenant, job_type, code, ...changes }).filter(([key, v]) => v || (key === "reason" && v === "")));
        return "#/dead-letters" + (query.size ? "?" + query : "");
    };

    function show(items, page) {
        replace(head, h("div", { class: "heading" }, page_title(t("dead_letters"), h("p", { class: "hint" }, t("dead_letters_hint"))),
            h("div", { class: "beside" }, copies(page, "dead"))));
        if (!page.groups.length && !items.length) {
            replace(groups, nothing(t("no_dead_letters")));
            replace(list);
            return;
        }
        replace(groups, h("ul", { class: "groups" }, page.groups.map(group => {
            const is_open = group.reason === reason && group.job_type === (job_type ?? group.job_type);
            const key = group.job_type + " " + group.reason;
            return h("li", { class: "group" + (is_open ? " is-open" : "") },
                h("a", {
                    class: "group-link", "data-key": "group" + key, "aria-current": is_open ? "true" : null,
                    href: is_open ? link({ reason: undefined, job_type: undefined }) : link({ reason: group.reason, job_type: group.job_type }),
                },
                h("span", { class: "group-count" }, number(group.count)),
                h("span", { class: "group-words" }, h("span", { class: "group-reason", lang: "en" }, group.reason ? foreign(group.reason) : no_reason()),
                    h("span", { class: "group-facts" }, named("kind", group.job_type), " · ", t("last") + " ", moment(group.last_at),
                        " · ", t("first") + " ", moment(group.first_at)))),
                context.is_operator ? h("span", { class: "group-acts" },
                    h("button", { type: "button", class: "button", "data-key": "retry" + key, onclick: () => on_group("retry", group) }, t("a_retry")),
                    h("button", { type: "button", class: "button grave", "data-key": "discard" + key, onclick: () => on_group("discard", group) }, t("a_discard"))) : null);
        })));
        show_list(items);
    }

    const on_group = (act, group) => ask_letters({
        act, count: group.count, done: again,
        choice: { filter: { ...(group.reason === null ? {} : { reason: group.reason }), job_type: group.job_type } },
    });

    function show_list(items) {
        const boxes = new Map();
        const show_bar = () => {
            all.checked = items.length > 0 && items.every(i => chosen.has(i.id));
            all.indeterminate = !all.checked && chosen.size > 0;
            replace(bar, h("span", { role: "status" }, chosen.size ? t("chosen", { n: chosen.size, count: number(chosen.size) }) : t("none_chosen")),
                chosen.size === 0 ? null : ["retry", "discard"].map(act => h("button", {
                    type: "button", class: "button" + (act === "discard" ? " grave" : " primary"), "data-key": act + "chosen",
                    onclick: () => ask_letters({ act, choice: { ids: [...chosen] }, count: chosen.size, done: again }),
                }, t("a_" + act))));
        };
        all = h("input", {
            type: "checkbox", "aria-label": t("choose_all"), onchange: () => {
                for (const item of items) all.checked ? chosen.add(item.id) : chosen.delete(item.id);
                for (const [id, box] of boxes) box.checked = chosen.has(id);
                show_bar();
            },
        });
        const box = item => {
            const input = h("input", {
                type: "checkbox", "aria-label": t("choose", { id: item.id }), onchange: () => {
                    input.checked ? chosen.add(item.id) : chosen.delete(item.id);
                    show_bar();
                },
            });
            input.checked = chosen.has(item.id);
            boxes.set(item.id, input);
            return input;
        };
        const filters = [
            reason ? chip(foreign(reason), link({ reason: undefined, job_type: undefined })) : null,
            tenant ? chip(foreign(tenant), link({ tenant: undefined })) : null,
            code ? chip(t("code") + " " + code, link({ code: undefined })) : null,
        ].filter(Boolean);
        const columns = [
            context.is_operator ? { name: "", head: all, class: "narrow box-cell", cell: box } : null,
            { name: t("c_at"), class: "time-cell", cell: i => moment(i.at) },
            { name: t("c_tenant"), class: "tenant-cell", cell: i => (i.tenant_id ? h("a", { href: link({ tenant: i.tenant_id }) }, foreign(i.tenant_name ?? i.tenant_id)) : "–") },
            { name: t("c_person"), class: "person-cell", cell: i => person(i.person) },
            { name: t("c_reason"), class: "wide-cell", cell: i => [h("span", { lang: "en" }, i.reason ? foreign(i.reason) : no_reason()),
                i.was_sent ? [" ", tag(t("was_sent"), "note")] : null] },
            { name: t("c_attempts"), class: "figure-cell", cell: i => number(i.attempts) },
            { name: t("c_film"), class: "film-cell", cell: i => film_link(i.entity_id ?? i.id) },
            { name: t("c_copy"), class: "narrow copy-cell", cell: i => copies(i, i.id) },
        ].filter(Boolean);
        replace(list,
            h("div", { class: "heading" }, h("h2", {}, is_filtered ? t("letters_filtered") : t("letters_all")), h("div", { class: "beside" }, filters)),
            context.is_operator ? bar : null,
            items.length ? table(t("dead_letters"), columns, items, { class: "letters" }) : h("p", { class: "hint" }, t("none_fits")),
            h("div", { class: "foot" }, pages.button(),
                is_filtered && context.is_operator ? [
                    h("button", { type: "button", class: "button", "data-key": "retry_filter", onclick: () => ask_letters({ act: "retry", choice: { filter: filter() }, count: undefined, done: again }) }, t("retry_filter")),
                    h("button", { type: "button", class: "button grave", "data-key": "discard_filter", onclick: () => ask_letters({ act: "discard", choice: { filter: filter() }, count: undefined, done: again }) }, t("discard_filter")),
                ] : null));
        if (context.is_operator) show_bar();
    }

    return { title: t("dead_letters"), element, entered: () => pages.begin().catch(fail), look: () => pages.begin().catch(fail) };
}

function chip(words, href) {
    return h("a", { class: "chip", href, "data-key": "chip" + href }, words, h("span", { class: "off-screen" }, " – " + t("remove_filter")), icon("close", 13));
}
