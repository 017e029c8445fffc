// What several views are made of.
import { foreign, h, icon } from "./dom.js";
import { moment } from "./time.js";
import { t } from "./words.js";
import { toast } from "./dialog.js";

/// A state by shape, word and colour; level is ok, warning, alert, paused or info.
export function state(level, word) {
    return h("span", { class: "state state-" + level }, icon(level, 15), h("span", {}, word));
}

export function tag(word, kind = "") {
    return h("span", { class: "tag " + kind }, word);
}

async function copy(text, is_secret = false) {
    let is_copied = true;
    try {
        await navigator.clipboard.writeText(text);
    } catch {
        // Without HTTPS there is no clipboard API but on loopback.
        const area = h("textarea", { class: "off-screen", readonly: true, "aria-hidden": "true" });
        area.value = text;
        (document.querySelector("dialog[open]") ?? document.body).append(area);
        area.select();
        is_copied = document.execCommand("copy");
        area.remove();
    }
    toast(t(is_copied ? "copied" : "not_copied"), is_secret ? "" : text, is_copied ? "ok" : "alert");
}

function copy_button(word, label, text, key) {
    return h("button", {
        type: "button", class: "copy", title: text, "aria-label": label, "data-key": key, onclick: () => copy(text),
    }, icon("copy", 14), word);
}

/// "Copy as SQL" and "copy as command", of what has them.
export function copies({ sql, command } = {}, key = "") {
    if (!sql && !command) return null;
    return h("span", { class: "copies" },
        sql ? copy_button("SQL", t("copy_sql"), sql, "sql" + key) : null,
        command ? copy_button(t("command"), t("copy_command"), command, "command" + key) : null);
}

/// An id in full for a machine, short for the eye; a click opens its film.
export function film_link(id, word = undefined) {
    if (!id) return "";
    return h("a", { class: word ? null : "id", href: "#/film?id=" + encodeURIComponent(id), title: id, "data-key": "film" + id }, word ?? foreign(short(id)));
}

const kParts = /(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC)|\b([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b/i;

/// A sentence of the database for people: its times in their zone, its ids as short links to their films.
export function told(sentence) {
    return String(sentence ?? "").split(kParts).map((part, i) => {
        if (part === undefined || i % 3 === 0) return part ? foreign(part) : null;
        if (i % 3 === 1) return moment(part.replace(" ", "T").replace(" UTC", "Z"));
        return film_link(part);
    });
}

export function short(id) {
    const text = String(id);
    // Its end: ids that begin with the time begin alike.
    return /^[0-9a-f]{8}-[0-9a-f-]{27}$/i.test(text) ? "…" + text.slice(-8) : text;
}

/// A tenant by its name, where that is known; it leads to its own page.
export function tenant_link(id, name = undefined) {
    return id ? h("a", { href: "#/tenants?id=" + encodeURIComponent(id), title: id }, foreign(name || short(id))) : "";
}

/// is_secret  it is not said aloud again what was copied
export function copy_id(id, is_secret = false) {
    return h("button", { type: "button", class: "copy bare", "aria-label": t("copy_id"), title: t("copy_id"), onclick: () => copy(id, is_secret) }, icon("copy", 14));
}

/// A masked number, in one piece.
export function person(masked) {
    return masked ? foreign(masked, { class: "number" }) : "–";
}

/// A heading with what belongs beside it.
export function heading(title, ...beside) {
    return h("div", { class: "heading" }, h("h2", {}, title), h("div", { class: "beside" }, beside));
}

export function page_title(title, ...below) {
    return h("header", { class: "page-title" }, h("h1", { tabindex: "-1" }, title), below);
}

export function nothing(sentence, hint = undefined) {
    return h("div", { class: "nothing" }, icon("ok", 26), h("p", {}, sentence), hint ? h("p", { class: "hint" }, hint) : null);
}

export function problem_words(problem) {
    return problem.message || t(problem.status === 0 ? "unreachable" : "failed", { status: problem.status });
}

export function trouble(problem, again = undefined) {
    return h("div", { class: "trouble", role: "alert" }, icon("alert", 20), h("p", {}, problem_words(problem)),
        again ? h("button", { type: "button", class: "button", onclick: again }, t("again")) : null);
}

export function loading() {
    return h("p", { class: "loading", role: "status" }, t("loading"));
}

/// A table that becomes a list of cards on a phone: each cell has its column's name.
/// columns  [{name, class, cell: row => node}]
export function table(caption, columns, rows, attributes = {}) {
    return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
        // The roles are said in full: on a phone the rows are no table to the browser's layout, and must stay one to the ear.
        h("table", { role: "table", ...attributes },
            h("caption", { class: "off-screen" }, caption),
            h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, columns.map(c =>
                h("th", { scope: "col", role: "columnheader", class: c.class }, c.head ?? c.name)))),
            h("tbody", { role: "rowgroup" }, rows.map(row => h("tr", { role: "row" }, columns.map(c =>
                h("td", { role: "cell", class: c.class, "data-name": c.name }, h("div", {}, c.cell(row)))))))));
}

// Where the program looks at a part only and says so, it is asked again until there is something to read.
const kPartsAtOnce = 20;
const kEnough = 20;

/// A list that is read page by page: shows the first one, and a button that adds the next.
/// read  (next) => Promise<{items, next, is_complete}>
export class Pages {
    constructor(show, read) {
        this.show = show;
        this.read = read;
        this.items = [];
        this.turn = 0;
    }

    /// Begins again; what another begin() overtakes shows nothing.
    async begin() {
        const turn = ++this.turn;
        const page = await this.read(undefined);
        if (turn !== this.turn) return;
        this.items = [];
        await this.add(page, turn);
    }

    async more() {
        const turn = this.turn;
        const page = await this.read(this.last.next);
        if (turn === this.turn) await this.add(page, turn);
    }

    /// Nothing more is shown: somebody has left.
    end() {
        this.turn++;
    }

    async add(first, turn) {
        let page = first;
        const had = this.items.length;
        for (let parts = 1; ; ++parts) {
            this.items = this.items.concat(page.items);
            this.last = page;
            this.is_looking = page.next && page.is_complete === false && parts < kPartsAtOnce && this.items.length - had < kEnough;
            this.show(this.items, page);
            if (!this.is_looking) return;
            page = await this.read(page.next);
            if (turn !== this.turn) return;
        }
    }

    button() {
        if (!this.last?.next || this.is_looking) return null;
        const button = h("button", {
            type: "button", class: "button more", "data-key": "more",
            onclick: async () => {
                button.disabled = true;
                try {
                    await this.more();
                } catch (problem) {
                    button.disabled = false;
                    toast(problem_words(problem), "", "alert");
                }
            },
        }, t(this.last.is_complete === false ? "look_further" : "more"));
        return button;
    }
}
