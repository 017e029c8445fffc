// The lines: uPlot, drawn in the page's colours.
import { h } from "./dom.js";
import { clock_text, number } from "./time.js";

function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
}

let loading;

/// uPlot is loaded when the first line is drawn, after the words and figures are there.
function library() {
    return (loading ??= new Promise((resolve, reject) => {
        document.head.append(h("link", { rel: "stylesheet", href: "/ops/assets/uPlot.min.css" }));
        document.head.append(h("script", {
            src: "/ops/assets/uPlot.iife.min.js", onload: () => resolve(globalThis.uPlot), onerror: () => reject(new Error("uPlot")),
        }));
    }));
}

const gradient = (u, name) => {
    const fill = u.ctx.createLinearGradient(0, u.bbox.top, 0, u.bbox.top + u.bbox.height);
    fill.addColorStop(0, colour(name) + "30");
    fill.addColorStop(1, colour(name) + "00");
    return fill;
};

class Plot {
    constructor(element, options) {
        this.element = element;
        this.options = options;
        this.dark = matchMedia("(prefers-color-scheme: dark)");
        this.redraw = () => this.again();
        this.dark.addEventListener("change", this.redraw);
        this.observer = new ResizeObserver(() => {
            const width = Math.floor(element.clientWidth);
            if (this.plot && width > 0 && width !== this.plot.width) this.plot.setSize({ width, height: this.plot.height });
        });
        this.observer.observe(element);
    }

    async draw(data) {
        this.data = data;
        let make;
        try {
            make = await library();
        } catch {
            return;  // the words beside it say the same
        }
        if (this.data !== data || !this.element.isConnected) return;
        if (this.plot) this.plot.setData(data);
        else this.plot = new make(this.options(Math.floor(this.element.clientWidth) || 200), data, this.element);
    }

    again() {
        this.plot?.destroy();
        this.plot = undefined;
        if (this.data) this.draw(this.data);
    }

    end() {
        this.dark.removeEventListener("change", this.redraw);
        this.observer.disconnect();
        this.plot?.destroy();
    }
}

/// A line without axes, of one figure.
export function sparkline(element, name) {
    return new Plot(element, width => ({
        width, height: 40, padding: [3, 0, 3, 0],
        cursor: { show: false }, legend: { show: false },
        scales: { x: { time: false }, y: { range: (u, low, high) => [0, Math.max(high ?? 0, 1)] } },
        axes: [{ show: false }, { show: false }],
        series: [{}, { stroke: () => colour(name), width: 1.5, fill: u => gradient(u, name), points: { show: false } }],
    }));
}

/// The last hour, minute by minute: several lines with one axis, and the figures under the pointer.
/// lines  [{name: colour, label, dash}]
export function hour(element, lines, told) {
    return new Plot(element, width => ({
        width, height: 210, padding: [12, 4, 0, 0],
        legend: { show: false },
        cursor: { y: false, points: { size: 7 }, drag: { x: false, y: false } },
        hooks: { setCursor: [u => told(u.cursor.idx)] },
        scales: { x: { time: false }, y: { range: (u, low, high) => [0, Math.max(Math.ceil((high ?? 0) * 1.12), 4)] } },
        axes: [
            {
                stroke: () => colour("muted"), font: "12px system-ui, sans-serif", size: 30, gap: 8,
                grid: { show: false }, ticks: { show: false }, space: 90,
                incrs: [300, 600, 900, 1800], values: (u, at) => at.map(clock_text),
            },
            {
                stroke: () => colour("muted"), font: "12px system-ui, sans-serif", size: 44, gap: 8,
                grid: { stroke: () => colour("line"), width: 1 }, ticks: { show: false }, space: 48,
                incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5], values: (u, at) => at.map(v => number(v)),
            },
        ],
        series: [{}, ...lines.map((line, i) => ({
            stroke: () => colour(line.name), width: i < 2 ? 2 : 1.5, dash: line.dash,
            fill: i === 1 ? u => gradient(u, line.name) : undefined, points: { show: false },
        }))],
    }));
}
