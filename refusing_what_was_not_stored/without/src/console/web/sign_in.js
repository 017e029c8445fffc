// The form for whoever is not signed in.
import { sign_in } from "./api.js";
import { h } from "./dom.js";
import { mark } from "./mark.js";
import { problem_words } from "./parts.js";
import { t } from "./words.js";

/// done  called when the program has taken the token
export function sign_in_form(done, notice = "") {
    const token = h("input", { id: "token", name: "token", type: "password", autocomplete: "current-password", required: true, maxlength: 1000 });
    const name = h("input", { id: "name", name: "name", type: "text", autocomplete: "username", required: true, maxlength: 60 });
    const message = h("p", { class: "field-trouble", role: "alert" }, notice);
    const submit = h("button", { type: "submit", class: "button primary wide" }, t("sign_in"));
    const form = h("form", { method: "post", action: "/ops/sign-in", novalidate: true },
        h("label", { class: "field" }, h("span", {}, t("token")), token, h("span", { class: "hint" }, t("token_hint"))),
        h("label", { class: "field" }, h("span", {}, t("your_name")), name,
            h("span", { class: "hint" }, t("your_name_hint"))),
        message, submit);
    form.addEventListener("submit", async event => {
        event.preventDefault();
        const missing = [[token, "token"], [name, "your_name"]].find(([field]) => !field.value.trim());
        if (missing) {
            message.textContent = t("is_missing", { field: t(missing[1]) });
            missing[0].focus();
            return;
        }
        submit.disabled = true;
        message.textContent = "";
        try {
            await sign_in(token.value, name.value.trim());
            done();
        } catch (problem) {
            message.textContent = problem.status === 401 ? t("wrong_token")
                : problem.status === 429 ? t("too_many_tokens", { seconds: problem.retry_after ?? 60 }) : problem_words(problem);
            submit.disabled = false;
            token.select();
        }
    });
    const element = h("main", { id: "main", class: "sign-in" }, h("div", { class: "sign-in-card" },
        h("div", { class: "brand" }, mark(34), h("span", {}, "pgcourier")), h("h1", {}, t("sign_in_title")), form));
    return { element, focus: () => token.focus() };
}
