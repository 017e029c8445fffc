#include "harness/allocations.hpp"

#include "support/test_database.hpp"

#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace pgcourier::bench {

Allocations::Allocations() : path_{test::scratch_directory() + "/allocations"} {
    std::ofstream file{path_, std::ios::binary};
    const std::uint64_t none = 0;
    file.write(reinterpret_cast<const char*>(&none), sizeof none);
    if (!file.flush()) throw std::runtime_error{"cannot write " + path_};
}

Allocations::~Allocations() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
}

test::Variables Allocations::variables() const {
    return {{"LD_PRELOAD", PGCOURIER_COUNT_ALLOCATIONS}, {"ALLOCATIONS_FILE", path_}};
}

std::uint64_t Allocations::count() const {
    std::ifstream file{path_, std::ios::binary};
    std::uint64_t count = 0;
    file.read(reinterpret_cast<char*>(&count), sizeof count);
    if (!file || count == 0)
        throw std::runtime_error{"no allocation was counted: is " PGCOURIER_COUNT_ALLOCATIONS
                                 " there?"};
    return count;
}

}  // namespace pgcourier::bench
