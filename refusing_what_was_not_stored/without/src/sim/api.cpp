#include "sim/api.hpp"

#include "sim/account_json.hpp"
#include "twilio/account.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <memory>
#include <utility>

namespace pgcourier::sim {
namespace {

constexpr const char* kAllOfTheApi = "/2010-04-01/Accounts/*";
constexpr const char* kSenders = "/v2/Channels/Senders";  // of Twilio's host messaging.twilio.com
constexpr std::chrono::minutes kHang{2};

std::string base64(std::string_view bytes) {
    std::string text(4 * ((bytes.size() + 2) / 3) + 1,
                     '\0');  // EVP_EncodeBlock ends it with a zero
    const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                     reinterpret_cast<const unsigned char*>(bytes.data()),
                                     static_cast<int>(bytes.size()));
    text.resize(static_cast<std::size_t>(size));
    return text;
}

std::string basic(const std::string& user, const Secret& password) {
    return "Basic " + base64(user + ":" + password.reveal());
}

ApiError not_found(std::string_view path) {
    return {404, 20404, "The requested resource " + std::string{path} + " was not found"};
}

http::Response json(int status, std::string body) {
    return {.status = status, .content_type = "application/json", .body = std::move(body)};
}

// What a load balancer answers when Twilio itself does not.
http::Response gateway_page(int status) {
    return {.status = status,
            .content_type = "text/html",
            .body = "<html><body><h1>" + std::to_string(status) + "</h1></body></html>\n"};
}

http::Response scripted_error(const Behaviour& behaviour) {
    http::Response response =
        behaviour.code == 0 ? gateway_page(behaviour.status)
                            : to_response({behaviour.status, behaviour.code, behaviour.message});
    if (behaviour.retry_after) {
        response.headers.emplace_back("Retry-After", std::to_string(*behaviour.retry_after));
    }
    return response;
}

http::Response changed(http::Response response, const Behaviour& behaviour) {
    switch (behaviour.answer) {
        case Answer::normal:
            break;
        case Answer::error:
            return scripted_error(behaviour);
        case Answer::hang:
        case Answer::reset:
            response.reset = true;
            break;
        case Answer::close:
            response.send_at_most = 0;
            break;
        case Answer::cut:
            // Of head and body together, so that the end of the body is missing.
            response.send_at_most = response.body.size();
            break;
        case Answer::truncated:
            response.body.resize(response.body.size() / 2);
            break;
        case Answer::invalid:
            response.body = "{sid: no JSON\n";
            break;
        case Answer::huge:
            response.body.append(behaviour.size, ' ');
            break;
        case Answer::empty:
            response.body.clear();
            break;
    }
    return response;
}

// What of a `normal` answer the caller gets to see, 0: nothing.
int status_seen(int normal, const std::optional<Behaviour>& behaviour) {
    if (!behaviour) return normal;
    switch (behaviour->answer) {
        case Answer::error:
            return behaviour->status;
        case Answer::hang:
        case Answer::reset:
        case Answer::close:
            return 0;
        default:
            return normal;
    }
}

ApiCall call_of(bool is_list, bool is_media) {
    if (is_list) return ApiCall::list;
    return is_media ? ApiCall::media : ApiCall::fetch;
}

}  // namespace

Api::Api(Account& account) : account_{account} {
    const SimulatorOptions& options = account.options();
    account_authorization_ = basic(options.account_sid, options.auth_token);
    authorizations_.insert(account_authorization_);
    for (const ApiKey& key : options.api_keys) authorizations_.insert(basic(key.sid, key.secret));
}

void Api::add_routes(http::Routes& routes) {
    routes.add("POST", kAllOfTheApi, [this](http::Request request, http::Responder responder) {
        create(request, std::move(responder));
    });
    routes.add("GET", kAllOfTheApi, [this](http::Request request, http::Responder responder) {
        read(request, std::move(responder));
    });
    routes.add("GET", twilio::account_path(account_.options().account_sid),
               [this](http::Request request, http::Responder responder) {
                   read_account(request, std::move(responder));
               });
    routes.add("GET", kSenders, [this](http::Request request, http::Responder responder) {
        read_senders(request, std::move(responder));
    });
}

http::Response Api::error(int status) {
    constexpr std::pair<int, int> kCodes[] = {
        {401, 20003}, {404, 20404}, {405, 20004}, {500, 20500}};
    const auto code = std::find_if(std::begin(kCodes), std::end(kCodes),
                                   [&](const auto& known) { return known.first == status; });
    return to_response({status, code == std::end(kCodes) ? 20001 : code->second, {}});
}

std::optional<ApiError> Api::refusal(const http::Request& request) const {
    const std::string authorization{request.header("Authorization")};
    if (!authorizations_.contains(authorization)) return ApiError{401, 20003, "Authenticate"};
    if (!resource_of(request.path())) return not_found(request.path());
    return std::nullopt;
}

std::optional<Api::Resource> Api::resource_of(std::string_view path) const {
    constexpr std::string_view kJson = ".json";
    const std::string own = messages_path(account_.options().account_sid);
    if (!path.starts_with(own)) return std::nullopt;
    path.remove_prefix(own.size());
    if (path == kJson) return Resource{};
    if (!path.starts_with("/")) return std::nullopt;
    path.remove_prefix(1);

    Resource resource;
    const auto slash = path.find('/');
    resource.message_sid = path.substr(0, slash);
    if (slash == std::string_view::npos) {
        if (!path.ends_with(kJson)) return std::nullopt;
        resource.message_sid.remove_suffix(kJson.size());
        return resource;
    }
    path.remove_prefix(slash + 1);
    resource.is_media = true;
    if (path == "Media.json") return resource;
    constexpr std::string_view kMedia = "Media/";
    if (!path.starts_with(kMedia)) return std::nullopt;
    resource.media_sid = path.substr(kMedia.size());
    return resource;
}

void Api::create(const http::Request& request, http::Responder responder) {
    const twilio::Params params = twilio::decode_form(request.body);
    LedgerEntry entry{
        .time = account_.now(),
        .kind = "create",
        .to = std::string{twilio::value_or_empty(params, "To")},
        .from = std::string{twilio::value_or_empty(params, "From")},
        .body = std::string{twilio::value_or_empty(params, "Body")},
        .media_url = std::string{twilio::value_or_empty(params, "MediaUrl")},
        .content_sid = std::string{twilio::value_or_empty(params, "ContentSid")},
        .status_callback = std::string{twilio::value_or_empty(params, "StatusCallback")}};
    const auto refuse = [&](const ApiError& error, const std::optional<Behaviour>& behaviour) {
        entry.status = error.status;
        entry.code = error.code;
        account_.ledger().add(std::move(entry));
        send(std::move(responder), to_response(error), behaviour);
    };

    if (const auto error = refusal(request)) return refuse(*error, std::nullopt);
    const auto resource = resource_of(request.path());
    if (!resource->message_sid.empty()) return refuse(not_found(request.path()), std::nullopt);

    const auto behaviour = account_.script().decide(
        {.call = ApiCall::create, .to = entry.to, .from = entry.from, .body = entry.body});
    entry.answer = to_text(behaviour ? behaviour->answer : Answer::normal);
    const bool is_processed = !behaviour || behaviour->is_processed();
    if (!is_processed && behaviour->answer == Answer::error) {
        entry.status = behaviour->status;
        entry.code = behaviour->code;
        account_.ledger().add(std::move(entry));
        return send(std::move(responder), {}, behaviour);
    }

    auto read = read_create(params);
    if (const auto* error = std::get_if<ApiError>(&read)) {
        entry.answer = to_text(Answer::normal);
        return refuse(*error, std::nullopt);
    }
    Message& message = std::get<Message>(read);
    account_.stamp(message);
    http::Response response = json(201, to_json(message, account_.options().account_sid));
    entry.accepted = is_processed;
    entry.sid = message.sid;
    entry.status = status_seen(response.status, behaviour);
    entry.code = behaviour ? behaviour->code : 0;
    account_.ledger().add(std::move(entry));
    if (is_processed) {
        account_.take(message, behaviour ? behaviour->progress : ProgressChange{});
    }
    send(std::move(responder), std::move(response), behaviour);
}

void Api::read(const http::Request& request, http::Responder responder) {
    const auto refused = refusal(request);
    if (refused) return send(std::move(responder), to_response(*refused), std::nullopt);

    const Resource resource = *resource_of(request.path());
    const bool is_list = resource.message_sid.empty();
    const ApiCall call = call_of(is_list, resource.is_media);
    const twilio::Params filters = twilio::decode_form(is_list ? request.query() : "");
    answer_read(call, filters, resource.message_sid, is_list ? list(request) : fetch(resource),
                std::move(responder));
}

void Api::read_account(const http::Request& request, http::Responder responder) {
    if (request.header("Authorization") != account_authorization_) {
        constexpr const char* kWords = "Authentication Error - invalid username";
        return send(std::move(responder), to_response({401, 20003, kWords}), std::nullopt);
    }
    answer_read(ApiCall::account, {}, {}, json(200, account_json(account_.options())),
                std::move(responder));
}

void Api::read_senders(const http::Request& request, http::Responder responder) {
    if (!authorizations_.contains(std::string{request.header("Authorization")}))
        return send(std::move(responder), to_response({401, 20003, "Authenticate"}), std::nullopt);
    const twilio::Params filters = twilio::decode_form(request.query());
    if (twilio::value_or_empty(filters, "Channel") != "whatsapp") {
        constexpr const char* kWords = "Parameter 'Channel' is not valid";
        return send(std::move(responder), to_response({400, 20001, kWords}), std::nullopt);
    }
    const std::string base = "http://" + std::string{request.header("Host")};
    answer_read(ApiCall::senders, {}, {}, json(200, senders_json(account_.options(), base)),
                std::move(responder));
}

void Api::answer_read(ApiCall call, const twilio::Params& filters, std::string_view message_sid,
                      http::Response response, http::Responder responder) {
    const auto behaviour =
        account_.script().decide({.call = call,
                                  .to = twilio::value_or_empty(filters, "To"),
                                  .from = twilio::value_or_empty(filters, "From"),
                                  .body = {}});
    account_.ledger().add(
        {.time = account_.now(),
         .kind = std::string{to_text(call)},
         .sid = std::string{message_sid},
         .to = std::string{twilio::value_or_empty(filters, "To")},
         .from = std::string{twilio::value_or_empty(filters, "From")},
         .answer = std::string{to_text(behaviour ? behaviour->answer : Answer::normal)},
         .status = status_seen(response.status, behaviour)});
    send(std::move(responder), std::move(response), behaviour);
}

http::Response Api::list(const http::Request& request) {
    const twilio::Params params = twilio::decode_form(request.query());
    const auto read = read_list_query(params);
    if (const auto* wrong = std::get_if<std::string>(&read)) {
        return to_response({400, 20001, "Parameter '" + *wrong + "' is not valid"});
    }
    const auto& query = std::get<ListQuery>(read);
    return json(200, to_json(account_.list(query), query, params, account_.options().account_sid));
}

http::Response Api::fetch(const Resource& resource) {
    const std::string& sid = account_.options().account_sid;
    const auto message = account_.find(resource.message_sid);
    if (!message) {
        return to_response(not_found(messages_path(sid).append("/").append(resource.message_sid)));
    }
    if (!resource.is_media) return json(200, to_json(*message, sid));
    if (resource.media_sid.empty()) return json(200, media_json(*message, sid));
    for (const Media& media : message->media) {
        // The content itself lies elsewhere, as at Twilio.
        if (media.sid == resource.media_sid) {
            return {.status = 307,
                    .content_type = {},
                    .body = {},
                    .headers = {{"Location", media.url}}};
        }
    }
    return to_response(not_found(resource.media_sid));
}

void Api::send(http::Responder responder, http::Response response,
               const std::optional<Behaviour>& behaviour) {
    std::chrono::milliseconds delay = account_.options().latency;
    if (behaviour) {
        response = changed(std::move(response), *behaviour);
        const bool hangs = behaviour->answer == Answer::hang;
        delay = behaviour->delay.value_or(hangs ? kHang : delay);
    }
    if (delay.count() == 0) return responder(std::move(response));
    // Shared, since a std::function must be able to copy what it holds.
    const auto held = std::make_shared<http::Responder>(std::move(responder));
    account_.agenda().after(delay, [held, late = std::move(response)] { (*held)(late); });
}

}  // namespace pgcourier::sim
