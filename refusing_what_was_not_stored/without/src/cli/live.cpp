#include "cli/live.hpp"

#include "base/clock.hpp"
#include "cli/command.hpp"
#include "cli/error_words.hpp"
#include "cli/screen.hpp"
#include "cli/signals.hpp"
#include "cli/terminal.hpp"
#include "cli/text.hpp"

#include <algorithm>
#include <cstdio>

namespace pgcourier::cli {
namespace {

constexpr int kRest = 4;

std::chrono::milliseconds pause_after(std::chrono::nanoseconds look,
                                      std::chrono::milliseconds every) {
    return std::max(every, std::chrono::ceil<std::chrono::milliseconds>(kRest * look));
}

std::vector<std::string> trouble_lines(const LastingConnection& db, const Look& look) {
    const std::string words = printable("The database does not answer: " + db.trouble());
    return {look.width == 0 ? words : cut(words, look.width), "It is asked again."};
}

void append(const std::vector<std::string>& lines, bool is_first) {
    if (!is_first) std::printf("\n");
    for (const std::string& line : lines) std::printf("%s\n", line.c_str());
    std::fflush(stdout);
}

}  // namespace

pg::Connection LastingConnection::open() {
    return connect();
}

void LastingConnection::note(const pg::Error& error) {
    if (!has_answered_ || !error.is_retryable()) throw;
    if (error.is_lost()) db_.reset();
    trouble_ = error_words(error);
}

bool wait_or_end(std::chrono::milliseconds time) {
    std::fflush(stdout);
    return std::ferror(stdout) == 0 && !wait_for_end(time);
}

void keep_looking(std::chrono::milliseconds every, const Looking& look) {
    hold_signals(Hangup::ends);
    LastingConnection db;
    std::optional<Screen> screen;
    bool is_first = true;
    while (true) {
        const Look how = look_of_output();
        const SteadyTime began = system_clock().steady_now();
        const auto seen = db.with([&](pg::Connection& to) { return look(to, how); });
        const auto rest = pause_after(system_clock().steady_now() - began, every);
        const std::vector<std::string> lines = seen ? *seen : trouble_lines(db, how);
        if (is_first && can_redraw()) screen.emplace();  // not before the first look succeeded
        if (screen) {
            screen->draw(lines);
            if (!screen->wait(rest)) return;
        } else {
            append(lines, is_first);
            if (!wait_or_end(rest)) return;
        }
        is_first = false;
    }
}

}  // namespace pgcourier::cli
