#include "cli/descriptors.hpp"

#include <algorithm>
#include <sys/resource.h>

namespace pgcourier::cli {
namespace {

constexpr std::size_t kFewest = 32;

}  // namespace

std::size_t raise_descriptor_limit(std::size_t wanted) {
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_cur < wanted) {
        files.rlim_cur = std::min<rlim_t>(wanted, files.rlim_max);
        setrlimit(RLIMIT_NOFILE, &files);
        getrlimit(RLIMIT_NOFILE, &files);
    }
    return files.rlim_cur;
}

std::size_t connections_within(std::size_t limit, std::size_t wanted, std::size_t reserved) {
    const std::size_t left = limit > reserved ? limit - reserved : 0;
    return std::min(wanted, std::max(left, kFewest));
}

}  // namespace pgcourier::cli
