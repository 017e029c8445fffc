// node words.mjs: whether the page's words are the same in both languages, each that it asks for is there, and none is idle.
import { readdirSync, readFileSync } from "node:fs";
import en from "../../src/console/web/en.js";
import fr from "../../src/console/web/fr.js";

const web = new URL("../../src/console/web/", import.meta.url);
const source = readdirSync(web).filter(name => name.endsWith(".js") && !/^(en|fr|uPlot)\./.test(name)).map(name => readFileSync(new URL(name, web), "utf8")).join("\n");
const troubles = [];

for (const key of Object.keys(en)) if (!(key in fr)) troubles.push(`fr.js has no ${key}`);
for (const key of Object.keys(fr)) if (!(key in en)) troubles.push(`en.js has no ${key}`);
for (const [key, value] of Object.entries(en)) {
    if (typeof value !== "string" || typeof fr[key] !== "string") continue;
    const gaps = text => (text.match(/\{\w+\}/g) ?? []).sort().join();
    if (gaps(value) !== gaps(fr[key])) troubles.push(`${key} fills in ${gaps(value)} in English and ${gaps(fr[key])} in French`);
}
// In quotes, whole or as the beginning of a name that is put together: "c_" + name, `paused_scope_…`.
const quoted = new Set([...source.matchAll(/["`]([a-z]\w*)["`$]/g)].map(m => m[1]));
const begun = [...quoted].filter(word => word.endsWith("_"));
for (const key of Object.keys(en)) {
    if (typeof en[key] === "object") continue;
    if (!quoted.has(key) && !begun.some(word => key.startsWith(word))) troubles.push(`${key} is used nowhere`);
}
for (const [, key] of source.matchAll(/\bt\("(\w+)"[,)]/g)) if (!(key in en)) troubles.push(`${key} is asked for and is not there`);
if (troubles.length) {
    console.error(troubles.join("\n"));
    process.exit(1);
}
