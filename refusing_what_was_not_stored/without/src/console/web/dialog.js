// What asks before it acts, and what says what was done.
import { find_key, foreign, h, icon } from "./dom.js";
import { t } from "./words.js";

let leave_toast = 0;

/// Says for some seconds, to eyes and screen readers, what was done.
export function toast(words, detail = "", level = "ok") {
    const place = document.getElementById("toast");
    place.replaceChildren(h("div", { class: "toast toast-" + level }, icon(level, 18),
        h("div", {}, h("p", {}, typeof words === "string" ? foreign(words) : words), detail ? h("p", { class: "detail" }, foreign(detail)) : null)));
    clearTimeout(leave_toast);
    leave_toast = setTimeout(() => place.replaceChildren(), level === "ok" ? 6000 : 12000);
}

/// What stands over the page is of whoever was signed in.
export function close_all() {
    clearTimeout(leave_toast);
    document.getElementById("toast").replaceChildren();
    close_dialogs();
}

/// They are gone when it returns: the event "close", after which a dialog goes by itself, comes some time later.
export function close_dialogs() {
    for (const dialog of document.querySelectorAll("dialog")) {
        dialog.close();
        dialog.remove();
    }
}

/// Asks for a reason and whatever else, then acts. What goes wrong is said in the dialog, which stays open.
/// fields   [{name, label, hint, value, required, type, options}]
/// act      (values) => Promise<words>, which are then shown as a toast
/// returns  whether it was done
export function ask({ title, words, body = [], fields = [], button, is_grave = false, act }) {
    return new Promise(resolve => {
        const message = h("p", { class: "field-trouble", role: "alert" });
        const inputs = fields.map(field => [field, input_of(field)]);
        const submit = h("button", { type: "submit", class: "button " + (is_grave ? "grave" : "primary") }, (button ?? title).replace("…", ""));
        const form = h("form", { method: "dialog", novalidate: true },
            h("div", { class: "dialog-head" }, h("h2", { id: "dialog-title" }, foreign(title.replace("…", ""))),
                h("button", { type: "button", class: "bare", "aria-label": t("close"), onclick: () => dialog.close() }, icon("close"))),
            words ? h("p", { class: "dialog-words" }, words) : null, body,
            inputs.map(([field, input]) => h("label", { class: "field" }, h("span", {}, field.label,
                field.required || field.options ? null : h("span", { class: "optional" }, " " + t("optional"))), input,
                field.hint ? h("span", { class: "hint" }, field.hint) : null)),
            message,
            h("div", { class: "dialog-foot" },
                h("button", { type: "button", class: "button", onclick: () => dialog.close() }, t("cancel")), submit));
        const dialog = h("dialog", { class: "dialog", "aria-labelledby": "dialog-title" }, form);
        const opener = document.activeElement;
        let is_done = false;
        form.addEventListener("submit", async event => {
            event.preventDefault();
            const missing = inputs.find(([field, input]) => field.required && !input.value.trim());
            if (missing) {
                message.textContent = t("is_missing", { field: missing[0].label });
                missing[1].focus();
                return;
            }
            submit.disabled = true;
            message.textContent = "";
            try {
                const words = await act(Object.fromEntries(inputs.map(([field, input]) => [field.name, input.value.trim()])));
                is_done = true;
                dialog.close();
                if (words) toast(words);
            } catch (problem) {
                message.textContent = problem.message || t("failed", { status: problem.status ?? "" });
                submit.disabled = false;
            }
        });
        dialog.addEventListener("close", () => {
            dialog.remove();
            // The view may have made the button that was pressed anew, or have none of its kind any more.
            if (document.activeElement === document.body)
                (find_key(opener?.dataset.key) ?? document.querySelector("main h1"))?.focus({ preventScroll: true });
            resolve(is_done);
        });
        document.body.append(dialog);
        dialog.showModal();
        (inputs[0]?.[1] ?? submit).focus();
    });
}

function input_of(field) {
    if (field.options) {
        return h("select", { name: field.name }, field.options.map(([value, words]) =>
            h("option", { value, selected: value === field.value }, words)));
    }
    return h("input", {
        name: field.name, type: field.type ?? "text", value: field.value ?? "", maxlength: field.maxlength ?? 500,
        autocomplete: "off", spellcheck: field.type ? null : "true", required: field.required, placeholder: field.placeholder,
    });
}

/// Shows what was asked for, until it is closed.
export function show({ title, body }) {
    const dialog = h("dialog", { class: "dialog wide", "aria-labelledby": "dialog-title" },
        h("div", { class: "dialog-head" }, h("h2", { id: "dialog-title" }, foreign(title)),
            h("button", { type: "button", class: "bare", "aria-label": t("close"), onclick: () => dialog.close() }, icon("close"))),
        body);
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
}
