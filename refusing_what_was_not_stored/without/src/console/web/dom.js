// Elements are made here and nowhere else, from values: text is always a text node, never markup.

const kSvg = "http://www.w3.org/2000/svg";

function put(element, children) {
    for (const child of children.flat(Infinity)) {
        if (child === null || child === undefined || child === false) continue;
        element.append(child instanceof Node ? child : String(child));
    }
    return element;
}

// What turns the direction of the text after it, or is not seen at all: in a name or an id it can only deceive.
const kControls = /([\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u200b\u2028-\u202e\u2060-\u2069\ufeff])/u;
const name_of = control => "U+" + control.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");

// Attributes that are read to people.
const kShown = new Set(["aria-label", "title", "placeholder"]);
const plain = text => String(text).split(kControls).map((part, i) => (i % 2 === 0 ? part : name_of(part))).join("");

/// An element with attributes and children. `on…` are listeners, `true` an attribute without a value; null, undefined and
/// false are left out, both as attribute and as child.
export function h(name, attributes = {}, ...children) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
        if (value === null || value === undefined || value === false) continue;
        if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
        else element.setAttribute(key, value === true ? "" : kShown.has(key) ? plain(value) : String(value));
    }
    return put(element, children);
}

const kPaths = {
    ok: ["M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z", "M8 12.3l2.8 2.7L16.2 9.4"],
    warning: ["M12 3.6 21.4 20H2.6z", "M12 10v4.4", "M12 17.1v.2"],
    alert: ["M8.3 3h7.4L21 8.3v7.4L15.7 21H8.3L3 15.7V8.3z", "M12 7.5v5.5", "M12 16.3v.2"],
    paused: ["M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z", "M10 9v6", "M14 9v6"],
    info: ["M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z", "M12 11v5", "M12 7.9v.2"],
    overview: ["M4 19V9", "M10 19V5", "M16 19v-7", "M21 19H3"],
    dead: ["M4 6.5h16v11H4z", "M4 7l8 6 8-6", "M9 21l6 0"],
    tenants: ["M4 10v10h16V10", "M3 10l2-6h14l2 6z", "M10 20v-5h4v5"],
    log: ["M5 6h14", "M5 12h14", "M5 18h9"],
    audit: ["M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8z", "M4.5 20.5c.8-4 3.7-6 7.5-6s6.7 2 7.5 6"],
    search: ["M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13z", "M15.5 15.5 20.5 20.5"],
    copy: ["M9 9h11v11H9z", "M5 15H4V4h11v1"],
    out: ["M14 4h5v16h-5", "M4 12h11", "M11 8l4 4-4 4"],
    chat: ["M4 5h16v11H11l-4 4v-4H4z"],
    eye: ["M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12z", "M12 9.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5z"],
    arrow: ["M9 5l7 7-7 7"],
    back: ["M15 5l-7 7 7 7"],
    close: ["M6 6l12 12", "M18 6 6 18"],
};

/// A line drawing that says nothing to a screen reader: the words beside it do.
export function icon(name, size = 18) {
    const svg = document.createElementNS(kSvg, "svg");
    for (const [key, value] of Object.entries({
        viewBox: "0 0 24 24", width: size, height: size, "aria-hidden": "true", focusable: "false", class: "icon icon-" + name,
    })) svg.setAttribute(key, value);
    for (const path of kPaths[name] ?? []) {
        const line = document.createElementNS(kSvg, "path");
        line.setAttribute("d", path);
        svg.append(line);
    }
    return svg;
}

/// Puts new children in the place of the old ones. The focus stays on what has the same data-key, or goes to the view's title.
export function replace(element, ...children) {
    const focused = element.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
    element.replaceChildren();
    put(element, children);
    if (focused) (find_key(focused, element) ?? document.querySelector("main h1"))?.focus({ preventScroll: true });
    return element;
}

/// returns  the element with this data-key; null when there is none
export function find_key(key, within = document) {
    return key ? within.querySelector(`[data-key="${CSS.escape(key)}"]`) : null;
}

/// Replaces only when what it shows has changed, so that a live page does not take a selection or the focus away.
export function replace_if_changed(element, shown, make) {
    const now = JSON.stringify(shown);
    if (element.dataset.shown === now) return;
    element.dataset.shown = now;
    replace(element, make());
}

/// Foreign text in a line of ours: it cannot turn the direction of what stands beside it, and controls are seen by name.
export function foreign(text, attributes = {}) {
    const parts = String(text ?? "").split(kControls).map((part, i) => {
        if (i % 2 === 0) return part;
        return h("span", { class: "control" }, name_of(part));
    });
    return h("bdi", attributes, parts);
}
