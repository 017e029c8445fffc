// The page's words in the browser's language: English, or French.
import en from "./en.js";
import fr from "./fr.js";

const wanted = (navigator.languages ?? [navigator.language]).map(l => l.toLowerCase());
const is_french = wanted.find(l => /^(fr|en)\b/.test(l))?.startsWith("fr") ?? false;

/// For Intl: the browser's own tag where it is in our language, so that en-GB has its dates.
export const language = wanted.find(l => l.startsWith(is_french ? "fr" : "en")) ?? "en";

const words = is_french ? fr : en;

document.documentElement.lang = is_french ? "fr" : "en";

/// The words of a key; {name} in them is filled from args. A key that is not there is shown as it is.
export function t(key, args = {}) {
    const found = words[key];
    if (typeof found === "function") return found(args);
    return (found ?? key).replace(/\{(\w+)\}/g, (_, name) => args[name] ?? "");
}

/// The words for something of the program that has a name there (an event, a status); the name itself where there are none.
export function named(kind, name) {
    return words[kind]?.[name] ?? String(name ?? "").replaceAll("_", " ");
}

/// A sentence of the program or its database in the page's language, where it is one of those that are known there.
/// returns  {text, lang}
export function translated(sentence) {
    for (const [pattern, words_for] of words.sentences)
        if (pattern.test(sentence)) return { text: sentence.replace(pattern, words_for), lang: undefined };
    return { text: sentence, lang: "en" };
}

export function is_known(kind, name) {
    return words[kind]?.[name] !== undefined;
}
