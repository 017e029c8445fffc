#include "doctor/public_url.hpp"

#include "doctor/signature.hpp"
#include "doctor/url.hpp"
#include "doctor/webhook_url.hpp"
#include "webhook/signed_url.hpp"

#include <fmt/format.h>

namespace pgcourier::doctor {
namespace {

constexpr const char* kUnread = "the configuration cannot be read";

std::vector<SigningKey> signing_keys(const Config& config) {
    std::vector<SigningKey> keys;
    const auto add = [&keys](const char* variable, const Secret& key) {
        if (!key.empty()) keys.push_back({variable, key});
    };
    add("TWILIO_AUTH_TOKEN", config.twilio_auth_token);
    add("TWILIO_AUTH_TOKEN_SECONDARY", config.twilio_auth_token_secondary);
    add("TWILIO_WEBHOOK_SECRET", config.twilio_webhook_secret);
    return keys;
}

/// Any webhook, for the URLs that would be tried.
http::Request some_request() {
    http::Request request;
    request.method = "POST";
    request.target = "/webhooks/twilio";
    request.headers.add("Host", "<the request's Host>");
    return request;
}

bool is_loopback(const std::string& host) {
    return host == "localhost" || host.starts_with("127.") || host == "[::1]" ||
           host.ends_with(".localhost");
}

Verdict judge_candidates(const Config& config) {
    const std::vector<std::string> urls = candidates(
        {.request = some_request(), .public_url = config.webhook_public_url, .keys = {}});
    const std::string found = fmt::format("{}", fmt::join(urls, ", "));
    if (config.webhook_public_url.empty()) {
        return {State::warn,
                found + (config.trusted_proxies.empty()
                             ? ""
                             : ", and by X-Forwarded-Proto, -Host and -Port of TRUSTED_PROXIES"),
                "Set WEBHOOK_PUBLIC_URL to the scheme and host that Twilio calls, as "
                "https://shop.example.com: a proxy in front may change Host, and without it Twilio "
                "is not asked to report delivery"};
    }
    const UrlParts url = split_url(config.webhook_public_url);
    if (is_loopback(url.host)) {
        return {State::warn, found + ": only this machine can call it",
                "Set WEBHOOK_PUBLIC_URL to the name under which Twilio reaches the service; for a "
                "simulated Twilio it is right"};
    }
    if (url.scheme == "http") {
        return {State::warn, found + ": what people write travels in the open",
                "Let a proxy speak TLS and set WEBHOOK_PUBLIC_URL to https://…"};
    }
    return {State::ok, found};
}

}  // namespace

void examine_public_url(const std::optional<Config>& config,
                        const std::optional<SavedRequest>& request,
                        const std::vector<std::string>& others, const Tell& tell) {
    Part part{"public url", tell};
    if (!config) {
        part.skip("candidates", kUnread);
        if (request) part.skip("signature", kUnread);
        return;
    }
    Verdict tried = judge_candidates(*config);
    part.add("candidates", tried.state, std::move(tried.found), std::move(tried.advice));
    if (!request) return;
    SignatureQuestion question{.request = request->request,
                               .public_url = config->webhook_public_url,
                               .has_trusted_proxy = !config->trusted_proxies.empty(),
                               .keys = signing_keys(*config),
                               .account_sid = config->twilio_account_sid,
                               .other_urls = others};
    if (question.keys.empty()) return part.skip("signature", "TWILIO_AUTH_TOKEN is not set");
    Verdict verdict = judge_signature(question);
    for (const std::string& remark : request->remarks) verdict.found += "; " + remark;
    part.add("signature", verdict.state, std::move(verdict.found), std::move(verdict.advice));
}

void tell_webhook_urls(const std::optional<Config>& config, const Tell& tell) {
    Part part{"webhook", tell};
    if (!config) {
        // What is set may well be right: a placeholder in its place would say that it is not.
        for (const char* check : {"url", "fallback url", "status callbacks"})
            part.skip(check, kUnread);
        return;
    }
    const std::string& url = config->webhook_public_url;
    constexpr const char* kPaste =
        "Paste it into Twilio's console: Messaging, Senders, your WhatsApp sender, webhook URL for "
        "incoming messages, method POST. What stands after # makes Twilio repeat what failed";
    constexpr const char* kFallback =
        "Paste it as the fallback URL, with the host of a second deployment if you have one: "
        "Twilio calls it when the first one has failed, with its repeats, and a message that came "
        "twice counts once";
    const State state = url.empty() ? State::warn : State::ok;
    part.add("url", state, webhook_url(url),
             fmt::format("{}{}", url.empty() ? "WEBHOOK_PUBLIC_URL is not set. " : "", kPaste));
    part.add("fallback url", state, fallback_url(url), kFallback);
    if (config->twilio_status_callback) {
        return part.ok("status callbacks",
                       fmt::format("each message asks for them at {}/webhooks/twilio/status", url));
    }
    part.warn("status callbacks", "off: nobody learns what was delivered or read",
              "Set WEBHOOK_PUBLIC_URL, and TWILIO_STATUS_CALLBACK=on: they also settle messages of "
              "unknown outcome at once");
}

}  // namespace pgcourier::doctor
