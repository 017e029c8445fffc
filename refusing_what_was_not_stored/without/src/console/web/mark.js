// The program's mark: an envelope whose flap is an arrow under way.
const kSvg = "http://www.w3.org/2000/svg";

export function mark(size = 26) {
    const svg = document.createElementNS(kSvg, "svg");
    for (const [key, value] of Object.entries({ viewBox: "0 0 32 32", width: size, height: size, class: "mark", "aria-hidden": "true", focusable: "false" }))
        svg.setAttribute(key, value);
    const shapes = [
        ["rect", { x: 1, y: 1, width: 30, height: 30, rx: 8, class: "mark-ground" }],
        ["path", { d: "M7 10.5h18v11.5H7z", class: "mark-line" }],
        ["path", { d: "M7.5 11l8.5 6.5L24.5 11", class: "mark-line" }],
    ];
    for (const [name, attributes] of shapes) {
        const shape = document.createElementNS(kSvg, name);
        for (const [key, value] of Object.entries(attributes)) shape.setAttribute(key, value);
        svg.append(shape);
    }
    return svg;
}

const kDots = { ok: "%230f766e", warning: "%23b45309", alert: "%23b91c1c" };

/// The tab's picture, with a dot when all is not well.
export function show_favicon(level) {
    const dot = level === "ok" ? "" : `<circle cx='25' cy='7' r='7' fill='${kDots[level]}' stroke='white' stroke-width='2'/>`;
    document.getElementById("favicon").href = "data:image/svg+xml," +
        `<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'><rect width='32' height='32' rx='8' fill='${kDots.ok}'/>` +
        `<path d='M7 10.5h18V22H7zM7.5 11l8.5 6.5L24.5 11' fill='none' stroke='white' stroke-width='2' stroke-linejoin='round'/>${dot}</svg>`;
}
