#include "http/session.hpp"

#include "base/log.hpp"
#include "http/chunked.hpp"
#include "http/reply_text.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <exception>
#include <iterator>
#include <utility>

namespace pgcourier::http {
namespace {

namespace asio = boost::asio;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable_t<Executor>{});

// What reading a head or a body ends with, beside the status to refuse it with.
constexpr int kComplete = 0;
constexpr int kGone = -1;  // the client has left, or was cut off

constexpr std::size_t kReadBytes = 4096;
// A refused request's client may still be sending. Closing at once would reset the connection, and
// the reset would overtake the answer; so it is read for a while and thrown away.
constexpr std::chrono::milliseconds kLinger{1000};
constexpr std::size_t kLingerBytes = 256 * 1024;
constexpr std::size_t kKeptOutputBytes = 64 * 1024;

}  // namespace

Session::Session(EventLoop& loop, std::uint64_t id, Socket socket, std::string peer)
    : loop_{loop},
      id_{id},
      socket_{std::move(socket)},
      context_{loop.options().certificate ? loop.options().certificate->context() : nullptr},
      peer_{std::move(peer)},
      answer_timer_{loop.context()} {
    boost::system::error_code ignored;
    socket_.set_option(asio::ip::tcp::no_delay{true}, ignored);
    socket_.non_blocking(true, ignored);
    ++loop_.counters().connections;
}

Session::~Session() {
    end_handshake();
    end_wait();
    --loop_.counters().connections;
}

Awaitable<> Session::run() {
    Next next = Next::request;
    if (context_) {
        const bool is_agreed = co_await shake_hands();
        if (!is_agreed) next = Next::close;
    }
    const bool is_open = next == Next::request;
    while (next == Next::request) next = co_await serve_one();
    if (tls_ && is_open && !is_aborted_) co_await say_goodbye();
    if (next == Next::linger) co_await linger();
}

// A handshake costs tens of KB and then the processor, so it begins with the client's first byte:
// who says nothing costs what he costs without TLS, and counts as idle.
Awaitable<bool> Session::shake_hands() {
    begin_wait();
    limit_step(loop_.limits().handshake_timeout);
    is_idle_ = true;
    const auto [gone] = co_await socket_.async_wait(asio::socket_base::wait_read, kAwait);
    is_idle_ = false;
    if (gone || !has_arrived()) co_return false;
    begin_handshake();
    tls_.emplace(socket_, *context_);
    const auto [failed] = co_await tls_->async_handshake(asio::ssl::stream_base::server, kAwait);
    end_handshake();
    end_wait();
    if (failed && !is_aborted_) ++loop_.counters().handshakes;
    co_return !failed;
}

// Says that nothing was cut off (RFC 8446, 6.1), and waits a moment for the client to say so too:
// that takes no longer than its own closing.
Awaitable<> Session::say_goodbye() {
    limit_step(kLinger);
    begin_last_wait();
    is_idle_ = true;
    co_await tls_->async_shutdown(kAwait);
    is_idle_ = false;
    end_wait();
}

Awaitable<Session::Next> Session::serve_one() {
    Head head;
    begin_wait();
    const int read = co_await read_head(head);
    end_wait();
    if (read == kGone) co_return Next::close;
    if (read != kComplete) {
        if (read == 400) ++loop_.counters().malformed;
        co_return co_await refuse(error(read, nullptr), false, true);
    }

    const bool is_head = head.request.method == "HEAD";
    const auto [route, allow, of_path] =
        loop_.routes().find(head.request.method, head.request.path());
    if (!route) {
        Response response = error(allow.empty() ? 404 : 405, of_path);
        if (!allow.empty()) response.headers.emplace_back("Allow", allow);
        response.close = response.close || !head.keeps_alive;
        co_return co_await refuse(response, is_head, head.has_body());
    }
    if (route->before_body) {
        if (auto refusal = route->before_body(head.request)) {
            refusal->close = refusal->close || !head.keeps_alive;
            co_return co_await refuse(*refusal, is_head, head.has_body());
        }
    }

    if (head.has_body()) {
        begin_wait();
        const int status =
            co_await read_body(head, route->max_body_bytes.value_or(loop_.limits().body_bytes));
        end_wait();
        if (status == kGone) co_return Next::close;
        if (status != kComplete) {
            if (status == 400) ++loop_.counters().malformed;
            co_return co_await refuse(error(status, route), is_head, true);
        }
    }

    ++loop_.counters().requests;
    Response response = co_await answer_of(*route, std::move(head.request));
    if (is_aborted_) co_return Next::close;
    if (response.reset) {
        boost::system::error_code ignored;
        socket_.set_option(asio::socket_base::linger{true, 0}, ignored);
        socket_.close(ignored);  // here, since Asio's destructor takes the option back
        co_return Next::close;
    }
    const bool is_endless = response.streams && !is_head;
    const bool keeps_alive =
        head.keeps_alive && !response.close && !is_endless && !loop_.is_draining();
    render(response, {.without_body = is_head,
                      .keeps_alive = keeps_alive,
                      .is_http10 = head.is_http10,
                      .is_endless = is_endless,
                      .date = loop_.date()});
    std::string{}.swap(response.body);  // who reads slowly does not make us hold it twice
    if (is_endless) co_return co_await stream(response.streams);
    const bool is_whole = response.send_at_most == std::string::npos;
    co_return co_await send(after_answer(keeps_alive && is_whole, false));
}

// Who leaves is noticed by the next write. While it waits the session counts as idle, so that it
// does not hold up the end of the server.
Awaitable<Session::Next> Session::stream(std::shared_ptr<Streaming> streaming) {
    is_streaming_ = true;
    bool is_written = co_await write_out();
    while (is_written && !streaming->has_ended && !is_aborted_ && !loop_.is_draining()) {
        if (!answer_) {
            step_ends_ = SteadyTime::max();
            answer_timer_.expires_at(SteadyTime::max());
            is_waiting_ = is_idle_ = true;
            co_await answer_timer_.async_wait(kAwait);
            is_waiting_ = is_idle_ = false;
        }
        if (!answer_ || answer_->status != 200) break;
        output_ = std::move(answer_->body);
        answer_.reset();
        is_written = co_await write_out();
    }
    is_streaming_ = false;
    answer_.reset();
    ++ticket_;
    co_return Next::close;
}

// No coroutine itself, so that what it is given need not live on.
Awaitable<Session::Next> Session::refuse(const Response& response, bool is_head,
                                         bool has_unread_body) {
    const bool keeps_alive = !has_unread_body && !response.close && !loop_.is_draining();
    render(response, {.without_body = is_head,
                      .keeps_alive = keeps_alive,
                      .is_http10 = false,
                      .date = loop_.date()});
    return send(after_answer(keeps_alive, has_unread_body));
}

void Session::render(const Response& response, const ReplyForm& form) {
    output_.clear();
    append_reply(output_, response, form);
    if (output_.size() > response.send_at_most) output_.resize(response.send_at_most);
}

Session::Next Session::after_answer(bool keeps_alive, bool has_unread_body) const {
    if (keeps_alive) return Next::request;
    return has_unread_body || input_.size() > 0 ? Next::linger : Next::close;
}

Awaitable<Session::Next> Session::send(Next next) {
    const bool is_written = co_await write_out();
    co_return is_written ? next : Next::close;
}

Awaitable<int> Session::read_head(Head& head) {
    const Limits& limits = loop_.limits();
    std::size_t searched = 0;
    bool has_empty_line = false;
    bool has_begun = false;
    // A connection that has brought nothing yet gets less time than one that is kept alive.
    limit_step(is_first_ || input_.size() > 0 ? limits.header_timeout : limits.idle_timeout);
    is_first_ = false;
    for (;;) {
        // An empty line before a request is to be ignored (RFC 9112, 2.2). One: a client could
        // send nothing else for ever.
        while (received().starts_with("\r\n")) {
            if (std::exchange(has_empty_line, true)) co_return 400;
            input_.consume(2);
        }

        if (const std::size_t end = head_end(received(), searched); end > 0) {
            const int status = parse_head(received().substr(0, end), limits, head);
            input_.consume(end);
            head.request.peer_address = peer_;
            co_return status;
        }
        if (received().size() > limits.header_bytes) {
            co_return oversize_status(received(), limits);
        }
        if (is_hopeless(received())) co_return 400;
        searched = received().size();

        is_idle_ = received().empty();
        if (is_idle_ && loop_.is_draining() && !has_arrived()) co_return kGone;
        if (!co_await read_some(kReadBytes)) co_return kGone;
        if (std::exchange(is_idle_, false) && !std::exchange(has_begun, true)) {
            limit_step(limits.header_timeout);
        }
    }
}

Awaitable<int> Session::read_body(Head& head, std::size_t limit) {
    if (head.content_length > limit) co_return 413;
    limit_step(loop_.limits().body_timeout);
    if (head.expects_continue && input_.size() == 0) {
        output_ = "HTTP/1.1 100 Continue\r\n\r\n";
        end_wait();
        if (!co_await write_out()) co_return kGone;
        begin_wait();
        limit_step(loop_.limits().body_timeout);
    }

    std::string& body = head.request.body;
    if (!head.is_chunked) {
        const auto length = static_cast<std::size_t>(head.content_length);
        body.reserve(length);
        for (;;) {
            const auto taken = std::min(length - body.size(), input_.size());
            body.append(received().substr(0, taken));
            input_.consume(taken);
            if (body.size() == length) co_return kComplete;
            if (!co_await read_some(4 * kReadBytes)) co_return kGone;
        }
    }

    ChunkedDecoder decoder{limit};
    for (;;) {
        std::string_view rest = received();
        const auto progress = decoder.feed(rest, body);
        input_.consume(input_.size() - rest.size());
        switch (progress) {
            case ChunkedDecoder::Progress::done:
                co_return kComplete;
            case ChunkedDecoder::Progress::malformed:
                co_return 400;
            case ChunkedDecoder::Progress::too_large:
                co_return 413;
            case ChunkedDecoder::Progress::need_more:
                break;
        }
        if (!co_await read_some(4 * kReadBytes)) co_return kGone;
    }
}

Awaitable<bool> Session::read_some(std::size_t bytes) {
    boost::system::error_code failed;
    std::size_t count = 0;
    const auto space = input_.prepare(bytes);
    if (tls_) {
        std::tie(failed, count) = co_await tls_->async_read_some(space, kAwait);
    } else {
        std::tie(failed, count) = co_await socket_.async_read_some(space, kAwait);
    }
    // Who was cut off between the read and this line would not get the answer.
    if (failed || is_aborted_) co_return false;
    input_.commit(count);
    co_return true;
}

Awaitable<Response> Session::answer_of(const RouteOptions& route, Request request) {
    route_ = &route;
    step_ends_ = SteadyTime::max();  // the wait for the answer is the route's to limit
    answer_.reset();
    ++ticket_;
    try {
        route.handler(std::move(request), Responder{loop_.mailbox(), id_, ticket_});
    } catch (const std::exception& e) {
        // The Responder, gone with the handler's stack, has answered 500.
        static const Log log{"Http"};
        log.error("Request handler failed", {{"error", e.what()}});
    }

    if (!answer_) {
        if (route.deadline.count() > 0) {
            answer_timer_.expires_after(route.deadline);
        } else {
            answer_timer_.expires_at(SteadyTime::max());
        }
        is_waiting_ = true;
        co_await answer_timer_.async_wait(kAwait);
        is_waiting_ = false;
    }
    if (!answer_) {
        ++ticket_;
        if (!is_aborted_) ++loop_.counters().deadlines;
        if (route.late) co_return route.late();
        co_return route.on_deadline;
    }
    Response response = std::move(*answer_);
    answer_.reset();
    co_return response;
}

void Session::deliver(std::uint64_t ticket, std::optional<Response> response) {
    if (ticket != ticket_ || !route_) return;
    if (answer_ && !(is_streaming_ && answer_->status == 200)) return;
    answer_ = response ? std::move(*response) : error(500, route_);
    if (is_waiting_) answer_timer_.cancel();
}

Awaitable<bool> Session::write_out() {
    if (tls_) {
        begin_write();
        const auto [failed, count] =
            co_await asio::async_write(*tls_, asio::buffer(output_), kAwait);
        end_write();
        co_return !failed;
    }
    std::size_t written = 0;
    while (written < output_.size()) {
        const auto rest = asio::buffer(output_) + written;
        // Nearly always the kernel takes all of it at once, without a turn through the loop.
        boost::system::error_code failed;
        std::size_t count = socket_.write_some(rest, failed);
        if (failed == asio::error::would_block) {
            if (!is_writing_) begin_write();  // once for all of it
            const auto [late_failed, late_count] = co_await socket_.async_write_some(rest, kAwait);
            failed = late_failed;
            count = late_count;
        }
        if (failed) break;
        written += count;
    }
    const bool is_whole = written == output_.size();
    end_write();
    co_return is_whole;
}

Awaitable<> Session::linger() {
    boost::system::error_code ignored;
    socket_.shutdown(asio::socket_base::shutdown_send, ignored);
    limit_step(kLinger);
    begin_last_wait();
    std::array<char, kReadBytes> thrown_away;
    for (std::size_t total = 0; total < kLingerBytes;) {
        const auto [failed, count] =
            co_await socket_.async_read_some(asio::buffer(thrown_away), kAwait);
        if (failed) co_return;
        total += count;
    }
}

Response Session::error(int status, const RouteOptions* route) const {
    const ErrorRenderer& render = route && route->error ? route->error : loop_.options().error;
    Response response = render(status);
    response.status = status;
    return response;
}

bool Session::is_late(SteadyTime now) const {
    return now >= step_ends_ && !is_aborted_;
}

void Session::check_time(SteadyTime now) {
    if (!is_late(now)) return;
    if (!is_idle_) ++loop_.counters().timed_out;
    abort();
}

// A request that arrived while we were told to stop is served. Its bytes are in the socket, or a
// read has taken them already and only its handler has not run yet: cancel() leaves such a read
// alone.
void Session::close_if_idle() {
    if (!is_idle_) return;
    if (is_streaming_) return abort();
    if (has_arrived()) return;
    boost::system::error_code ignored;
    socket_.cancel(ignored);
}

bool Session::give_way() {
    if (is_aborted_ || has_gone_on()) return false;
    abort();
    return true;
}

bool Session::has_arrived() const {
    boost::system::error_code failed;
    return socket_.available(failed) > 0 && !failed;
}

// Who does not read is not protected by what he has sent behind.
bool Session::has_gone_on() {
    if (!is_writing_) return has_arrived();
    boost::system::error_code is_full;
    socket_.wait(asio::socket_base::wait_write, is_full);  // only looks: the socket does not block
    return !is_full;
}

void Session::begin_handshake() {
    auto& others = loop_.in_handshake();
    if (others.size() >= loop_.limits().handshakes) {
        ++loop_.counters().over_limit;
        // Whichever. Were it the oldest, a flood would end every handshake that takes longer than
        // the flood needs for so many.
        const auto which = loop_.rng().between(0, others.size() - 1);
        (*std::next(others.begin(), static_cast<std::ptrdiff_t>(which)))->abort();
    }
    handshake_place_ = others.insert(others.end(), this);
}

void Session::end_handshake() {
    if (!handshake_place_) return;
    loop_.in_handshake().erase(*handshake_place_);
    handshake_place_.reset();
}

void Session::begin_wait() {
    auto& waiting = loop_.waiting_for_client();
    place_ = waiting.insert(waiting.end(), this);
}

// Its answer is out: it is the first to make room.
void Session::begin_last_wait() {
    place_ = loop_.waiting_for_client().insert(loop_.waiting_for_client().begin(), this);
}

void Session::end_wait() {
    if (!place_) return;
    loop_.waiting_for_client().erase(*place_);
    place_.reset();
}

// From here on the session waits until its client has read.
void Session::begin_write() {
    limit_step(loop_.limits().write_timeout);
    is_writing_ = true;
    begin_wait();
}

void Session::end_write() {
    if (std::exchange(is_writing_, false)) end_wait();
    // libstdc++ keeps what an assignment finds.
    if (output_.capacity() > kKeptOutputBytes) std::string{}.swap(output_);
}

void Session::abort() {
    is_aborted_ = true;
    end_handshake();
    boost::system::error_code ignored;
    socket_.close(ignored);
    answer_timer_.cancel();
}

std::string_view Session::received() const {
    const auto bytes = input_.data();
    return {static_cast<const char*>(bytes.data()), bytes.size()};
}

void Session::limit_step(std::chrono::milliseconds time) {
    step_ends_ = loop_.now() + time;
}

}  // namespace pgcourier::http
