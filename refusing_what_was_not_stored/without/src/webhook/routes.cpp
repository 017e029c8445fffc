#include "webhook/routes.hpp"

#include "base/log.hpp"
#include "base/metrics.hpp"
#include "twilio/body_format.hpp"
#include "twilio/form.hpp"
#include "twilio/signature.hpp"
#include "webhook/log_interval.hpp"
#include "webhook/rate_limit.hpp"
#include "webhook/signed_url.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>

namespace pgcourier::webhook {
namespace {

constexpr std::size_t kMaxBodyBytes = 64 * 1024;
// Twilio sends some thirty, and a few for each of ten media. All are sorted before it is known who
// has signed.
constexpr std::ptrdiff_t kMaxParameters = 1000;
constexpr const char* kTooLarge = "Webhook refused: body over 64 KiB";
constexpr const char* kTooManyParameters = "Webhook refused: over 1,000 parameters";
constexpr const char* kUnsupported =
    "Webhook refused: neither form-encoded nor JSON with bodySHA256";
constexpr std::chrono::milliseconds kSlow{1000};
constexpr const char* kRetryAfterSeconds = "1";
// A text/plain body would be sent to the customer as a message:
// https://www.twilio.com/docs/api/twiml/sms/your_response
constexpr const char* kContentType = "text/xml";

http::Response accepted() {
    return {.status = 200, .content_type = kContentType, .body = "<Response/>"};
}

http::Response refusal(int status, bool closes = false) {
    http::Response response{.status = status, .content_type = kContentType, .body = {}};
    response.close = closes;
    if (status == 503) response.headers.emplace_back("Retry-After", kRetryAfterSeconds);
    return response;
}

Counter& requests(const char* result) {
    return counter("pgcourier_webhook_requests_total", "Webhook requests, by how they ended.",
                   {{"result", result}});
}

struct ReceiverMetrics {
    Counter& stored = requests("stored");
    Counter& duplicate = requests("duplicate");
    Counter& dropped = requests("dropped");
    Counter& unavailable = requests("unavailable");
    Counter& unsigned_request = requests("unsigned");
    Counter& too_large = requests("too_large");
    Counter& unsupported = requests("unsupported");
    Histogram& answered = answer_times();
};

bool has_body_hash(std::string_view query) {
    bool found = false;
    twilio::for_each_encoded_pair(query, [&](std::string_view key, std::string_view) {
        found = found || key == "bodySHA256";
    });
    return found;
}

// What is authenticated by nothing is not read: a JSON body only counts with its hash in the signed
// URL.
std::optional<twilio::BodyFormat> readable_format(const http::Request& request) {
    const auto format = twilio::body_format(request.header("Content-Type"));
    if (format == twilio::BodyFormat::json && !has_body_hash(request.query())) return std::nullopt;
    return format;
}

bool announces_too_much(const http::Request& head) {
    const std::string_view length = head.header("Content-Length");
    std::size_t bytes = 0;
    std::from_chars(length.data(), length.data() + length.size(), bytes);
    return bytes > kMaxBodyBytes;
}

bool has_too_many_parameters(std::string_view form) {
    return std::ranges::count(form, '&') >= kMaxParameters;
}

class Receiver;

/// A request on its way through the inbox. Keeps the receiver alive, which the server may already
/// have dropped.
struct Pending {
    std::shared_ptr<Receiver> receiver;
    http::Responder respond;
    CorrelationId correlation_id;
    SteadyTime began;
};

/// All three routes: one limit, one log, one way in. Called from every thread of the server.
class Receiver : public std::enable_shared_from_this<Receiver> {
  public:
    Receiver(Options options, inbox::Writer& writer, const Clock& clock)
        : options_{std::move(options)},
          writer_{writer},
          clock_{clock},
          rate_limit_{options_.rate_limit_max, options_.rate_limit_window} {}

    /// Refuses what needs no body to be refused.
    std::optional<http::Response> look_at_head(const http::Request& head);
    void receive(http::Request request, http::Responder respond);
    /// A refusal by the server itself, such as a chunked body that grew too large.
    http::Response server_refusal(int status);
    void answer(Pending& pending, const inbox::Outcome& outcome);

  private:
    std::string client_of(const http::Request& request) const;
    void note_refused_body(const char* why, int status, std::string_view client);
    void note_unsigned(const std::vector<std::string>& urls, std::string_view client);

    const Options options_;
    inbox::Writer& writer_;
    const Clock& clock_;
    const Log log_{"Webhook"};
    ReceiverMetrics metrics_;
    std::mutex mutex_;
    RateLimit rate_limit_;           // guarded by mutex_
    LogInterval refused_bodies_;     // guarded by mutex_
    LogInterval unsigned_requests_;  // guarded by mutex_
};

std::string Receiver::client_of(const http::Request& request) const {
    return client_address(request.peer_address, request.headers.all("X-Forwarded-For"),
                          options_.trusted_proxies);
}

std::optional<http::Response> Receiver::look_at_head(const http::Request& head) {
    const std::string client = client_of(head);
    const bool may_be_signed = twilio::is_well_formed_signature(head.header("X-Twilio-Signature"));
    RateLimit::Verdict limit;
    {
        const std::scoped_lock lock{mutex_};
        limit = rate_limit_.count(client, clock_.steady_now());
    }
    if (limit.to_log > 0) {
        log_.warn("Webhook rate limit exceeded",
                  {{"clientIp", client},
                   {"requests", limit.to_log},
                   {"limit", options_.rate_limit_max},
                   {"windowMs", options_.rate_limit_window.count()}});
    }
    if (limit.is_over && !may_be_signed) {
        metrics_.unsigned_request.Increment();
        return refusal(401, true);
    }
    const int status = announces_too_much(head) ? 413 : !readable_format(head) ? 415 : 0;
    if (status != 0) {
        (status == 413 ? metrics_.too_large : metrics_.unsupported).Increment();
        if (may_be_signed)
            note_refused_body(status == 413 ? kTooLarge : kUnsupported, status, client);
        return refusal(status);
    }
    if (!may_be_signed) {
        note_unsigned({}, client);
        return refusal(401);
    }
    return std::nullopt;
}

void Receiver::receive(http::Request request, http::Responder respond) {
    const SteadyTime began = clock_.steady_now();
    const twilio::BodyFormat format = *readable_format(request);  // look_at_head let it pass
    if (format == twilio::BodyFormat::form && has_too_many_parameters(request.body)) {
        metrics_.too_large.Increment();
        note_refused_body(kTooManyParameters, 413, client_of(request));
        return respond(refusal(413, true));
    }
    const std::vector<std::string> urls = signed_urls(
        request, options_.public_url, options_.trusted_proxies.contains(request.peer_address));
    const auto keys = options_.signing_keys->current();
    const auto signer = twilio::verify({.urls = urls,
                                        .format = format,
                                        .body = request.body,
                                        .query = request.query(),
                                        .signature = request.header("X-Twilio-Signature")},
                                       *keys);
    const bool asks_limit = !signer || options_.drops_signed_over_limit;
    bool is_over_limit = false;
    if (asks_limit) {
        const std::string client = client_of(request);
        {
            const std::scoped_lock lock{mutex_};
            is_over_limit = rate_limit_.is_over(client, began);
        }
        if (!signer) {
            note_unsigned(urls, client);
            return respond(refusal(401, is_over_limit));
        }
    }
    if (is_over_limit) {
        metrics_.dropped.Increment();
        return respond(accepted());
    }

    inbox::NewEvent event =
        inbox::new_event(inbox::Source::webhook, format, std::move(request.body), request.query(),
                         request.header("I-Twilio-Idempotency-Token"));
    if (Log::enabled(LogLevel::debug)) {
        log_.debug("Webhook received", {{"correlationId", event.correlation_id.value},
                                        {"kind", twilio::to_text(event.kind)}});
    }
    const auto pending = std::make_shared<Pending>(
        Pending{shared_from_this(), std::move(respond), event.correlation_id, began});
    const bool is_accepted = writer_.submit(
        std::move(event), began + options_.deadline,
        [pending](const inbox::Outcome& outcome) { pending->receiver->answer(*pending, outcome); });
    if (!is_accepted) answer(*pending, inbox::NotStored{});
}

void Receiver::answer(Pending& pending, const inbox::Outcome& outcome) {
    const auto waited = clock_.steady_now() - pending.began;
    metrics_.answered.Observe(in_seconds(waited));
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(waited);
    if (took >= kSlow) {
        log_.warn("Webhook slow",
                  {{"correlationId", pending.correlation_id.value}, {"durationMs", took.count()}});
    }
    if (const auto* not_stored = std::get_if<inbox::NotStored>(&outcome)) {
        metrics_.unavailable.Increment();
        const bool is_refused = not_stored->reason == inbox::NotStored::Reason::refused;
        const auto& tell = is_refused ? options_.on_refused : options_.on_unavailable;
        if (tell) tell();
        return pending.respond(refusal(503));
    }
    const auto& stored = std::get<inbox::Stored>(outcome);
    (stored.is_new ? metrics_.stored : metrics_.duplicate).Increment();
    pending.respond(accepted());
}

http::Response Receiver::server_refusal(int status) {
    if (status == 413) {
        metrics_.too_large.Increment();
        note_refused_body(kTooLarge, status, {});
    }
    return refusal(status);
}

void Receiver::note_refused_body(const char* why, int status, std::string_view client) {
    std::uint64_t count = 0;
    {
        const std::scoped_lock lock{mutex_};
        count = refused_bodies_.admit(clock_.steady_now());
    }
    if (count == 0) return;
    log_.error(why, {{"status", status}, {"clientIp", client}, {"requests", count}});
}

void Receiver::note_unsigned(const std::vector<std::string>& urls, std::string_view client) {
    metrics_.unsigned_request.Increment();
    std::uint64_t count = 0;
    {
        const std::scoped_lock lock{mutex_};
        count = unsigned_requests_.admit(clock_.steady_now());
    }
    if (count == 0) return;
    std::string tried;
    for (const std::string& url : urls) {
        if (!tried.empty()) tried += ' ';
        tried += masked_url(url);
    }
    log_.warn(urls.empty() ? "Webhook refused: no signature" : "Webhook refused: wrong signature",
              {{"clientIp", client}, {"triedUrls", tried}, {"requests", count}});
}

}  // namespace

Histogram& answer_times() {
    return histogram("pgcourier_webhook_duration_seconds",
                     "From a whole signed webhook to its answer, which is after its COMMIT.",
                     seconds_buckets());
}

Result<Options> options_from(const Config& config) {
    auto proxies = TrustedProxies::parse(config.trusted_proxies);
    if (!proxies) return Problem{"TRUSTED_PROXIES: " + proxies.error().what};
    return Options{
        .public_url = config.webhook_public_url,
        .trusted_proxies = std::move(*proxies),
        .signing_keys = std::make_shared<SigningKeys>(config.signing_keys()),
        .rate_limit_max = static_cast<std::uint64_t>(config.webhook_rate_limit_max),
        .rate_limit_window = config.webhook_rate_limit_window,
        .drops_signed_over_limit = config.webhook_rate_limit_drop_signed,
        .deadline = config.webhook_deadline,
    };
}

void add_routes(http::Routes& routes, Options options, inbox::Writer& writer, const Clock& clock) {
    const auto deadline = options.deadline;
    const auto receiver = std::make_shared<Receiver>(std::move(options), writer, clock);
    for (const char* path :
         {"/webhooks/twilio", "/api/webhooks/twilio", "/webhooks/twilio/status"}) {
        http::RouteOptions route;
        route.handler = [receiver](http::Request request, http::Responder respond) {
            receiver->receive(std::move(request), std::move(respond));
        };
        route.max_body_bytes = kMaxBodyBytes;
        route.before_body = [receiver](const http::Request& head) {
            return receiver->look_at_head(head);
        };
        // The writer may be waiting for the database just then; the server itself keeps the time.
        route.deadline = deadline;
        route.on_deadline = refusal(503);
        route.error = [receiver](int status) { return receiver->server_refusal(status); };
        routes.add("POST", path, std::move(route));
    }
}

}  // namespace pgcourier::webhook
