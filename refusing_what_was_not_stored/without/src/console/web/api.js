// Calls of /ops/api. Everything that goes wrong is one Problem, whose message can be shown as it is.

export class Problem extends Error {
    constructor(status, code, message, retry_after) {
        super(message);
        this.status = status;
        this.code = code;
        this.retry_after = retry_after;
    }
}

const kBase = "/ops/api/";
let csrf_token = "";
let on_signed_out = () => {};

/// What to do when the program no longer knows us; called at most once for each time that we were signed in.
export function when_signed_out(listener) {
    on_signed_out = listener;
}

async function answer_of(response) {
    const text = await response.text();
    let body = null;
    try {
        body = text ? JSON.parse(text) : null;
    } catch {
        body = null;
    }
    if (response.ok) return body;
    const retry_after = Number(response.headers.get("Retry-After")) || undefined;
    throw new Problem(response.status, body?.error?.code ?? "http_" + response.status, body?.error?.message ?? "", retry_after);
}

async function call(path, options) {
    let response;
    try {
        response = await fetch(path, { credentials: "same-origin", cache: "no-store", redirect: "error", ...options });
    } catch (error) {
        if (error.name === "AbortError") throw error;
        throw new Problem(0, "unreachable", "");
    }
    try {
        return await answer_of(response);
    } catch (problem) {
        if (problem.status === 401 && path.startsWith(kBase) && csrf_token) {
            csrf_token = "";
            on_signed_out();
        }
        throw problem;
    }
}

/// GET /ops/api/NAME; parameters that are not there are left out, and empty ones but a reason, which some dead letters lack.
export function get(name, parameters = {}, signal = undefined) {
    const query = new URLSearchParams(Object.entries(parameters).filter(([key, value]) => value !== undefined && value !== null && (value !== "" || key === "reason")));
    return call(kBase + name + (query.size ? "?" + query : ""), { signal });
}

/// POST /ops/api/NAME with a JSON body and the token that shows that this page wrote it.
export function post(name, body = {}) {
    return call(kBase + name, {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf_token },
        body: JSON.stringify(body),
    });
}

// The program puts it into the page of whoever is signed in; it is good for once.
function session_of_page() {
    const element = document.getElementById("session");
    element?.remove();
    return element ? JSON.parse(element.textContent) : null;
}

/// Who we are; throws a Problem with status 401 when nobody.
export async function session() {
    const found = session_of_page() ?? await get("session");
    csrf_token = found.csrf_token;
    return found;
}

export function sign_in(token, name) {
    return call("/ops/sign-in", {
        method: "POST",
        headers: { "Content-Type": "application/json", Accept: "application/json" },
        body: JSON.stringify({ token, name }),
    });
}

export async function sign_out() {
    const token = csrf_token;
    csrf_token = "";
    await call("/ops/sign-out", { method: "POST", headers: { "X-CSRF-Token": token, Accept: "application/json" } });
}
