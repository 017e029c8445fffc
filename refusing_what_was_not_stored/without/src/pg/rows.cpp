#include "pg/rows.hpp"

#include <charconv>
#include <cstdlib>
#include <stdexcept>

namespace pgcourier::pg {

// Big endian, of 1, 2, 4 or 8 bytes.
std::int64_t Row::bits(int column) const {
    const std::string_view value = text(column);
    if (value.empty() || value.size() > sizeof(std::int64_t))
        throw std::logic_error{std::string{"column "} + PQfname(result_, column) + " is no number"};
    std::uint64_t number = (value[0] & 0x80) != 0 ? ~std::uint64_t{0} : 0;
    for (const char byte : value) number = number << 8 | static_cast<unsigned char>(byte);
    return static_cast<std::int64_t>(number);
}

std::int64_t Row::int64(int column) const {
    if (is_binary(column)) return bits(column);
    const std::string_view value = text(column);
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error != std::errc{} || end != value.data() + value.size()) {
        throw std::logic_error{std::string{"column "} + PQfname(result_, column) +
                               " is no integer"};
    }
    return number;
}

double Row::number(int column) const {
    return std::strtod(PQgetvalue(result_, index_, column), nullptr);
}

std::int64_t Rows::affected() const {
    return result_ ? std::strtoll(PQcmdTuples(result_.get()), nullptr, 10) : 0;
}

}  // namespace pgcourier::pg
