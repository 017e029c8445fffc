#include "http/routes.hpp"

#include "http/reply_text.hpp"

#include <stdexcept>
#include <utility>

namespace pgcourier::http {
namespace {

class FunctionSink : public ReplySink {
  public:
    explicit FunctionSink(std::function<void(std::optional<Response>)> receive)
        : receive_{std::move(receive)} {}
    void reply(std::uint64_t, std::uint64_t, std::optional<Response> response) override {
        receive_(std::move(response));
    }

  private:
    std::function<void(std::optional<Response>)> receive_;
};

}  // namespace

Responder::Responder(std::function<void(std::optional<Response>)> receive)
    : sink_{std::make_shared<FunctionSink>(std::move(receive))} {}

Responder& Responder::operator=(Responder&& other) noexcept {
    if (this != &other) {
        give_up();
        sink_ = std::move(other.sink_);
        connection_ = other.connection_;
        ticket_ = other.ticket_;
    }
    return *this;
}

Responder::~Responder() {
    give_up();
}

void Responder::give_up() noexcept {
    if (const auto sink = std::exchange(sink_, nullptr)) {
        sink->reply(connection_, ticket_, std::nullopt);
    }
}

void Responder::operator()(Response response) {
    const auto sink = std::exchange(sink_, nullptr);
    if (!sink) throw std::logic_error{"a request was answered twice"};
    sink->reply(connection_, ticket_, std::move(response));
}

Stream Responder::begin(Response head) {
    const auto sink = sink_;
    const auto streaming = std::make_shared<Streaming>();
    head.streams = streaming;
    (*this)(std::move(head));
    return {sink, connection_, ticket_, streaming};
}

Stream& Stream::operator=(Stream&& other) noexcept {
    if (this != &other) {
        end();
        sink_ = std::move(other.sink_);
        connection_ = other.connection_;
        ticket_ = other.ticket_;
        streaming_ = std::move(other.streaming_);
    }
    return *this;
}

Stream::~Stream() {
    end();
}

void Stream::end() noexcept {
    if (const auto streaming = streaming_.lock()) {
        streaming->has_ended = true;
        sink_->reply(connection_, ticket_, std::nullopt);
    }
}

void Stream::write(std::string piece) {
    if (is_open()) sink_->reply(connection_, ticket_, Response{.body = std::move(piece)});
}

Response plain_error(int status) {
    return {.status = status,
            .content_type = "text/plain",
            .body = std::string{reason_phrase(status)} + "\n"};
}

Routes& Routes::add(std::string method, std::string path, RouteOptions options) {
    if (!options.handler) throw std::logic_error{"route without a handler: " + path};
    const bool is_prefix = path.ends_with('*');
    if (is_prefix) path.pop_back();
    auto& methods = (is_prefix ? prefixes_ : exact_)[path];
    if (!methods.emplace(method, std::move(options)).second) {
        throw std::logic_error{"route twice: " + method + " " + path};
    }
    return *this;
}

Routes& Routes::add(std::string method, std::string path, Handler handler) {
    return add(std::move(method), std::move(path), RouteOptions{.handler = std::move(handler)});
}

const Routes::Methods* Routes::methods_of(std::string_view path) const {
    if (const auto found = exact_.find(path); found != exact_.end()) return &found->second;
    // Backwards, so that of two prefixes of one path the longer one, which sorts later, comes
    // first.
    for (auto entry = prefixes_.rbegin(); entry != prefixes_.rend(); ++entry) {
        if (path.starts_with(entry->first)) return &entry->second;
    }
    return nullptr;
}

Routes::Match Routes::find(std::string_view method, std::string_view path) const {
    const Methods* methods = methods_of(path);
    if (!methods) return {};
    if (const auto found = methods->find(method); found != methods->end()) {
        return {.route = &found->second};
    }
    const auto get = methods->find(std::string_view{"GET"});
    if (get != methods->end() && method == "HEAD") return {.route = &get->second};

    Match none{.of_path = &methods->begin()->second};
    for (const auto& [name, route] : *methods) {
        if (!none.allow.empty()) none.allow += ", ";
        none.allow += name;
    }
    if (get != methods->end() && !methods->contains("HEAD")) none.allow += ", HEAD";
    return none;
}

}  // namespace pgcourier::http
