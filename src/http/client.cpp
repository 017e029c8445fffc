#include "http/client.hpp"

#include "base/clock.hpp"
#include "base/fault_point.hpp"
#include "base/handle.hpp"

#include <curl/curl.h>

#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdexcept>
#include <sys/socket.h>
#include <utility>

namespace pgcourier::http {
namespace {

using EasyHandle = std::unique_ptr<CURL, FreeWith<curl_easy_cleanup>>;
using MultiHandle = std::unique_ptr<CURLM, FreeWith<curl_multi_cleanup>>;
using HeaderList = std::unique_ptr<curl_slist, FreeWith<curl_slist_free_all>>;

void global_init() {
    static const CURLcode done = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (done != CURLE_OK) throw std::logic_error{"libcurl cannot be initialised"};
}

EasyHandle new_handle() {
    EasyHandle easy{curl_easy_init()};
    if (!easy) throw std::bad_alloc{};
    return easy;
}

// Without memory the call is as good as any other: only its form is its own fault.
template <class Value>
void set(CURL* easy, CURLoption option, Value value) {
    const CURLcode result = curl_easy_setopt(easy, option, value);
    if (result == CURLE_OUT_OF_MEMORY) throw std::bad_alloc{};
    if (result != CURLE_OK) {
        throw std::logic_error{std::string{"libcurl refuses an option: "} +
                               curl_easy_strerror(result)};
    }
}

void append_header(HeaderList& list, const std::string& line) {
    curl_slist* longer = curl_slist_append(list.get(), line.c_str());
    if (!longer) throw std::bad_alloc{};
    static_cast<void>(list.release());  // is part of `longer`
    list.reset(longer);
}

// One call in flight, and its easy handle, which is used again for later calls.
struct Slot {
    EasyHandle easy{new_handle()};
    std::uint64_t tag = 0;
    Call call;
    HeaderList headers;
    std::size_t body_read = 0;
    bool body_was_asked_for = false;  // libcurl has taken some of the body, and may have sent it
    bool is_too_large = false;
    std::size_t response_limit = 0;
    int unacknowledged_ms = 0;
    std::string received;
    std::array<char, CURL_ERROR_SIZE> error{};
};

bool is_too_late(const Call& call) {
    return call.not_after && system_clock().boottime() > *call.not_after;
}

// The body goes through a callback, not through CURLOPT_POSTFIELDS, because libcurl repeats a
// request by itself when a kept-alive connection closes without an answer (Curl_retry_request),
// unless it cannot rewind the body.
std::size_t read_body(char* out, std::size_t size, std::size_t count, void* context) {
    auto& slot = *static_cast<Slot*>(context);
    fault_point("http.before_body");
    if (!slot.body_was_asked_for && is_too_late(slot.call)) return CURL_READFUNC_ABORT;
    slot.body_was_asked_for = true;
    const std::size_t taken = std::min(size * count, slot.call.body.size() - slot.body_read);
    // Asked again after the end: libcurl has begun a repeat without rewinding.
    if (taken == 0) return CURL_READFUNC_ABORT;
    std::memcpy(out, slot.call.body.data() + slot.body_read, taken);
    slot.body_read += taken;
    fault_point("http.body_handed_over");
    return taken;
}

int refuse_to_rewind(void*, curl_off_t, int) {
    return CURL_SEEKFUNC_FAIL;
}

std::size_t take_response(char* bytes, std::size_t size, std::size_t count, void* context) {
    auto& slot = *static_cast<Slot*>(context);
    const std::size_t taken = std::min(size * count, slot.response_limit - slot.received.size());
    slot.received.append(bytes, taken);
    slot.is_too_large = taken < size * count;
    return taken;  // fewer than offered ends the transfer
}

int tune_socket(void* context, curl_socket_t socket, curlsocktype) {
    const auto& slot = *static_cast<Slot*>(context);
    const int milliseconds = slot.unacknowledged_ms;
    setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof milliseconds);
    return CURL_SOCKOPT_OK;
}

// Sets everything anew: curl_easy_reset() keeps connections and DNS entries only.
void prepare(Slot& slot, const ClientOptions& options) {
    CURL* easy = slot.easy.get();
    Call& call = slot.call;
    curl_easy_reset(easy);
    slot.body_read = 0;
    slot.body_was_asked_for = false;
    slot.is_too_large = false;
    slot.response_limit = options.response_bytes;
    slot.unacknowledged_ms = static_cast<int>(options.unacknowledged.count());
    slot.received.clear();
    slot.error.front() = '\0';

    set(easy, CURLOPT_PRIVATE, static_cast<void*>(&slot));
    set(easy, CURLOPT_ERRORBUFFER, slot.error.data());
    set(easy, CURLOPT_NOSIGNAL, 1L);
    // A call that is over does not wait for the thread that looks up its name: joined inside
    // curl_multi_perform, a resolver that hangs would hold up all other calls.
    set(easy, CURLOPT_QUICK_EXIT, 1L);
    set(easy, CURLOPT_URL, call.url.c_str());
    set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    set(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(easy, CURLOPT_FOLLOWLOCATION, 0L);
    set(easy, CURLOPT_USERAGENT, options.user_agent.c_str());
    if (!options.proxy_from_environment) set(easy, CURLOPT_PROXY, "");

    set(easy, CURLOPT_SSL_VERIFYPEER, options.verifies_peer ? 1L : 0L);
    set(easy, CURLOPT_SSL_VERIFYHOST, options.verifies_peer ? 2L : 0L);
    if (!options.ca_file.empty()) set(easy, CURLOPT_CAINFO, options.ca_file.c_str());

    set(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(call.timeout.count()));
    set(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect_timeout.count()));
    set(easy, CURLOPT_MAXAGE_CONN, static_cast<long>(options.idle.count()));
    set(easy, CURLOPT_TCP_NODELAY, 1L);
    set(easy, CURLOPT_SOCKOPTFUNCTION, &tune_socket);
    set(easy, CURLOPT_SOCKOPTDATA, static_cast<void*>(&slot));

    if (!call.user.empty()) {
        set(easy, CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
        set(easy, CURLOPT_USERNAME, call.user.c_str());
        set(easy, CURLOPT_PASSWORD, call.password.reveal().c_str());
    }

    slot.headers.reset();
    for (const auto& line : call.headers) append_header(slot.headers, line);
    append_header(slot.headers, "Expect:");  // no waiting for 100 Continue, and no repeat after 417
    set(easy, CURLOPT_HTTPHEADER, slot.headers.get());

    const bool is_get = call.method == "GET";
    if (is_get || call.method == "HEAD") {
        set(easy, is_get ? CURLOPT_HTTPGET : CURLOPT_NOBODY, 1L);
    } else {
        set(easy, CURLOPT_POST, 1L);
        if (call.method != "POST") set(easy, CURLOPT_CUSTOMREQUEST, call.method.c_str());
        set(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(call.body.size()));
        set(easy, CURLOPT_READFUNCTION, &read_body);
        set(easy, CURLOPT_READDATA, static_cast<void*>(&slot));
        set(easy, CURLOPT_SEEKFUNCTION, &refuse_to_rewind);
        // Without a body there is nothing that cannot be rewound; but only a used connection is
        // ever tried again.
        if (call.body.empty()) set(easy, CURLOPT_FRESH_CONNECT, 1L);
    }
    set(easy, CURLOPT_WRITEFUNCTION, &take_response);
    set(easy, CURLOPT_WRITEDATA, static_cast<void*>(&slot));
}

// Whether any of the request that matters can have reached the other side. A head alone cannot be
// carried out while its Content-Length is owed; so with a body the question is whether libcurl was
// given any of it.
bool may_have_left(const Slot& slot) {
    if (!slot.call.body.empty()) return slot.body_was_asked_for;
    long request_bytes = 0;
    curl_easy_getinfo(slot.easy.get(), CURLINFO_REQUEST_SIZE, &request_bytes);
    return request_bytes > 0;
}

Outcome outcome_of(Slot& slot, CURLcode result) {
    CURL* easy = slot.easy.get();
    Outcome outcome;
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    outcome.status = static_cast<int>(status);
    outcome.body = std::move(slot.received);
    slot.received = {};
    const char* content_type = nullptr;
    curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &content_type);
    if (content_type) outcome.content_type = content_type;
    curl_header* field = nullptr;
    if (curl_easy_header(easy, "Retry-After", 0, CURLH_HEADER, -1, &field) == CURLHE_OK) {
        outcome.retry_after = field->value;
    }
    if (curl_easy_header(easy, "Date", 0, CURLH_HEADER, -1, &field) == CURLHE_OK) {
        const std::time_t date = curl_getdate(field->value, nullptr);
        if (date >= 0) outcome.date = std::chrono::sys_seconds{std::chrono::seconds{date}};
    }

    if (result == CURLE_OK) {
        outcome.kind = Outcome::Kind::response;
        return outcome;
    }
    outcome.kind = may_have_left(slot) ? Outcome::Kind::unknown : Outcome::Kind::not_sent;
    outcome.is_too_late = outcome.kind == Outcome::Kind::not_sent && is_too_late(slot.call);
    outcome.error = outcome.is_too_late ? "its time was over before any of the body was handed over"
                    : slot.is_too_large ? "the response is larger than " +
                                              std::to_string(slot.response_limit) + " bytes"
                    : slot.error.front() != '\0' ? slot.error.data()
                                                 : curl_easy_strerror(result);
    return outcome;
}

}  // namespace

struct Client::State {
    explicit State(ClientOptions given) : options{std::move(given)} {
        global_init();
        multi.reset(curl_multi_init());
        if (!multi) throw std::bad_alloc{};
        curl_multi_setopt(multi.get(), CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_NOTHING));
        // Connections kept; the number of calls is bounded by start(), so that none waits inside
        // libcurl.
        curl_multi_setopt(multi.get(), CURLMOPT_MAXCONNECTS,
                          static_cast<long>(options.max_connections));
    }

    ~State() {
        for (const auto& slot : busy) curl_multi_remove_handle(multi.get(), slot->easy.get());
    }

    void advance(std::vector<Finished>& finished);
    Finished finish(CURL* easy, CURLcode result);

    const ClientOptions options;
    MultiHandle multi;
    std::vector<std::unique_ptr<Slot>> busy;
    std::vector<std::unique_ptr<Slot>> idle;
};

void Client::State::advance(std::vector<Finished>& finished) {
    int running = 0;
    const CURLMcode result = curl_multi_perform(multi.get(), &running);
    fault_point("http.calls_moved_on");
    if (result == CURLM_OUT_OF_MEMORY) throw std::bad_alloc{};
    if (result != CURLM_OK) {
        throw std::logic_error{std::string{"curl_multi_perform: "} + curl_multi_strerror(result)};
    }
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi.get(), &left)) {
        if (message->msg != CURLMSG_DONE) continue;
        finished.push_back(finish(message->easy_handle, message->data.result));
    }
}

Finished Client::State::finish(CURL* easy, CURLcode result) {
    const auto found = std::find_if(busy.begin(), busy.end(),
                                    [easy](const auto& slot) { return slot->easy.get() == easy; });
    std::unique_ptr<Slot> slot = std::move(*found);
    *found = std::move(busy.back());
    busy.pop_back();

    Finished finished{.tag = slot->tag, .outcome = outcome_of(*slot, result)};
    curl_multi_remove_handle(multi.get(), easy);
    slot->call = {};
    idle.push_back(std::move(slot));
    return finished;
}

Client::Client(ClientOptions options) : state_{std::make_unique<State>(std::move(options))} {}

Client::~Client() = default;

void Client::start(std::uint64_t tag, Call call) {
    State& state = *state_;
    if (free_slots() == 0) throw std::logic_error{"a call was started while all slots are taken"};
    if (state.idle.empty()) state.idle.push_back(std::make_unique<Slot>());
    Slot& slot = *state.idle.back();
    slot.tag = tag;
    slot.call = std::move(call);
    prepare(slot, state.options);
    const CURLMcode added = curl_multi_add_handle(state.multi.get(), slot.easy.get());
    if (added == CURLM_OUT_OF_MEMORY) throw std::bad_alloc{};
    if (added != CURLM_OK) {
        throw std::logic_error{"libcurl does not take the call"};
    }
    state.busy.push_back(std::move(state.idle.back()));
    state.idle.pop_back();
}

std::size_t Client::in_flight() const {
    return state_->busy.size();
}

std::size_t Client::free_slots() const {
    return state_->options.max_connections - state_->busy.size();
}

std::vector<Finished> Client::poll(std::chrono::milliseconds wait) {
    State& state = *state_;
    std::vector<Finished> finished;
    state.advance(finished);
    if (finished.empty() && wait.count() > 0) {
        curl_multi_poll(state.multi.get(), nullptr, 0, static_cast<int>(wait.count()), nullptr);
        state.advance(finished);
    }
    return finished;
}

void Client::wake() {
    curl_multi_wakeup(state_->multi.get());
}

}  // namespace pgcourier::http
