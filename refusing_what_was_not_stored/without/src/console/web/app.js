// The frame: who is signed in, which view is open, and what is live in all of them.
import { session, sign_out, when_signed_out } from "./api.js";
import { conversation } from "./conversation.js";
import { dead_letters } from "./dead_letters.js";
import { close_all, close_dialogs, toast } from "./dialog.js";
import { h, icon, replace } from "./dom.js";
import { film } from "./film.js";
import * as live from "./live.js";
import { audit, log } from "./log.js";
import { mark, show_favicon } from "./mark.js";
import { overview } from "./overview.js";
import { problem_words, trouble } from "./parts.js";
import { address_of, search } from "./search.js";
import { worded } from "./sentence.js";
import { sign_in_form } from "./sign_in.js";
import { tenants } from "./tenants.js";
import { number, zone_name } from "./time.js";
import { t } from "./words.js";

const kViews = { overview, search, film, conversation, "dead-letters": dead_letters, tenants, log, audit };
const kNavigation = [["overview", "overview", "overview"], ["dead-letters", "dead_letters", "dead"], ["tenants", "tenants", "tenants"],
    ["log", "log", "log"], ["audit", "audit", "audit"]];

const app = document.getElementById("app");
let who = null;
let view = null;
let turn = 0;
let main = null;
let frame = null;
let level = "ok";
let said = "";
let was_state = "live";

function say(words) {
    document.getElementById("spoken").textContent = words;
}

function title() {
    document.title = (level === "ok" ? "" : t("state_" + level) + " · ") + (view ? view.title + " · " : "") + "pgcourier";
}

function address() {
    const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
    return { path: path || "overview", parameters: Object.fromEntries(new URLSearchParams(query ?? "")) };
}

const context = {
    say,
    get is_operator() { return who?.role === "operator"; },
    go(hash, is_instead = false) {
        if (is_instead) location.replace(hash);
        else location.hash = hash;
    },
    look_again() {
        live.refresh().catch(() => {});
        if (view?.look) view.look();
    },
};

async function route(is_first = false) {
    if (!who) return;
    const mine = ++turn;
    const { path, parameters } = address();
    view?.leave?.();
    view = null;
    close_dialogs();  // they are of the view that is left
    frame.querySelector(".account").open = false;
    for (const link of frame.querySelectorAll("nav a")) {
        if (link.dataset.path === path) link.setAttribute("aria-current", "page");
        else link.removeAttribute("aria-current");
    }
    try {
        view = (kViews[path] ?? overview)(context, parameters);
        replace(main, view.element);
        title();
        scrollTo(0, 0);
        await view.entered?.();
    } catch (problem) {
        if (mine !== turn || problem.status === 401) return;
        if (!view) replace(main, trouble(problem, () => route()));
        else toast(problem_words(problem), "", "alert");
    }
    // Whoever goes by keyboard or hears the page begins at the view's title.
    if (mine === turn && !is_first) main.querySelector("h1")?.focus({ preventScroll: true });
}

function show_live(o, state) {
    if (!frame) return;
    const light = frame.querySelector(".live");
    light.classList.toggle("is-lost", state !== "live");
    light.lastChild.textContent = t("is_" + state);
    const is_back = state === "live" && was_state !== "live";
    was_state = state;
    // A view may have been left with what went wrong meanwhile.
    if (is_back) view?.look?.();
    if (!o) return;
    const now_level = state === "live" ? o.level : "alert";
    const dead = frame.querySelector("[data-path='dead-letters'] .badge");
    dead.textContent = o.figures.dead_letters ? number(o.figures.dead_letters) : "";
    if (now_level !== level || !said) {
        level = now_level;
        show_favicon(level);
        title();
        const first = frame.querySelector("[data-path='overview'] .badge");
        first.className = "badge dot dot-" + level;
    }
    const now = state + o.level + o.sentence.code + (o.sentence.args.scope ?? o.sentence.args.figure ?? "");
    if (said && said !== now) say(worded(o, state).words);
    said = now;
}

function show_frame() {
    main = h("main", { id: "main", tabindex: "-1" });
    const field = h("input", {
        type: "search", name: "q", placeholder: t("search_placeholder"), "aria-label": t("search_label"), autocomplete: "off",
        spellcheck: "false", enterkeyhint: "search", maxlength: 200, "aria-keyshortcuts": "/",
    });
    const form = h("form", { class: "search", role: "search" }, icon("search", 17), field, h("kbd", { "aria-hidden": "true" }, "/"));
    form.addEventListener("submit", event => {
        event.preventDefault();
        const q = field.value.trim();
        if (!q) return;
        const hash = address_of(q);
        if (hash.includes("number=")) field.value = "";  // it is not left on the screen
        if (hash === location.hash) route();
        else context.go(hash);
    });
    const name = who.name || t(who.role === "viewer" ? "viewer" : "operator");
    frame = h("div", { class: "frame" },
        h("a", { class: "skip", href: "#main", onclick: event => {
            event.preventDefault();
            main.focus();
        } }, t("skip")),
        h("header", { class: "top" },
            h("a", { class: "brand", href: "#/overview", "aria-label": "pgcourier, " + t("overview") }, mark(28), h("span", {}, "pgcourier")),
            form,
            h("div", { class: "who" },
                h("span", { class: "live" }, h("span", { class: "light", "aria-hidden": "true" }), h("span", {}, t("is_live"))),
                h("details", { class: "account" },
                    h("summary", {}, h("span", { class: "off-screen" }, t("account") + ": ", h("bdi", {}, name)),
                        h("span", { class: "initial", "aria-hidden": "true" }, [...name][0]?.toUpperCase() ?? "?"),
                        h("span", { class: "account-name", "aria-hidden": "true" }, h("bdi", {}, name))),
                    h("div", { class: "account-menu" }, h("p", {}, h("strong", {}, h("bdi", {}, name)), h("br"), t("role_" + who.role)),
                        h("p", { class: "hint" }, t("times_in", { zone: zone_name() })), h("p", { class: "hint" }, "pgcourier " + who.version),
                        h("button", { type: "button", class: "button", onclick: leave }, icon("out", 16), t("sign_out")))))),
        h("nav", { class: "side", "aria-label": t("navigation") }, h("ul", {}, kNavigation.map(([path, key, picture]) =>
            h("li", {}, h("a", { href: "#/" + path, "data-path": path }, icon(picture, 20), h("span", { class: "nav-word" }, t(key)),
                h("span", { class: "badge" })))))),
        main);
    replace(app, frame);
    document.body.className = "is-in";
}

async function leave() {
    try {
        await sign_out();
    } catch { /* the cookie is gone or the program is: either way nobody is signed in here */ }
    signed_out();
}

function signed_out(notice = "") {
    live.stop();
    view?.leave?.();
    view = null;
    who = null;
    frame = null;
    turn++;
    document.body.className = "";
    close_all();
    const form = sign_in_form(begin, notice);
    replace(app, form.element);
    document.title = t("sign_in") + " · pgcourier";
    form.focus();
}

async function begin() {
    try {
        who = await session();
    } catch (problem) {
        if (problem.status === 401) signed_out();
        else replace(app, h("main", { id: "main", class: "sign-in" }, trouble(problem, begin)));
        return;
    }
    said = "";
    level = "ok";
    show_favicon(level);
    show_frame();
    live.start();
    await route(true);
}

when_signed_out(() => signed_out(t("session_ended")));
live.listen(show_live);
addEventListener("hashchange", () => route());
addEventListener("keydown", event => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest?.("input, textarea, select, dialog, [contenteditable]")) return;
    const field = document.querySelector(".top .search input");
    if (!field) return;
    event.preventDefault();
    field.focus();
    field.select();
});
addEventListener("click", event => {
    const open = document.querySelector(".account[open]");
    if (open && !open.contains(event.target)) open.open = false;
});
begin();
