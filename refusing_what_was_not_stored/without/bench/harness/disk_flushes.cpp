#include "harness/disk_flushes.hpp"

#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>

namespace pgcourier::bench {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kPage = 8192;
constexpr std::size_t kPages = 128;
constexpr auto kPause = 5ms;

void write_page(int file, std::size_t page) {
    static const std::string bytes(kPage, 'x');
    const auto offset = static_cast<off_t>(page % kPages * kPage);
    errno = 0;
    if (pwrite(file, bytes.data(), kPage, offset) != static_cast<ssize_t>(kPage) ||
        fdatasync(file) != 0)
        throw std::system_error{errno == 0 ? ENOSPC : errno, std::generic_category(),
                                "flushing a file"};
}

}  // namespace

DiskFlushes::DiskFlushes(const std::string& directory) {
    const int file = open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (file < 0) throw std::system_error{errno, std::generic_category(), directory};
    thread_ = std::jthread{[this, file](const std::stop_token& stop) {
        using Clock = std::chrono::steady_clock;
        try {
            for (std::size_t page = 0; page < kPages; ++page) write_page(file, page);
            for (std::size_t page = 0; !stop.stop_requested(); ++page) {
                const auto begun = Clock::now();
                write_page(file, page);
                taken_ms_.push_back(
                    std::chrono::duration<double, std::milli>(Clock::now() - begun).count());
                std::this_thread::sleep_for(kPause);
            }
        } catch (...) {
            failure_ = std::current_exception();
        }
        close(file);
    }};
}

std::vector<double> DiskFlushes::stop() {
    thread_.request_stop();
    thread_.join();
    if (failure_) std::rethrow_exception(failure_);
    return std::move(taken_ms_);
}

double share_of_time(const std::vector<double>& flushes_ms, double much_ms) {
    constexpr double kPauseMs = std::chrono::duration<double, std::milli>{kPause}.count();
    double all = 0;
    double much = 0;
    for (const double taken : flushes_ms) {
        all += taken + kPauseMs;
        if (taken > much_ms) much += taken;
    }
    return all == 0 ? 0 : 100 * much / all;
}

}  // namespace pgcourier::bench
