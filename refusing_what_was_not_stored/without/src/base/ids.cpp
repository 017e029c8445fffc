#include "base/ids.hpp"

#include <openssl/rand.h>

#include <array>
#include <chrono>
#include <stdexcept>

namespace pgcourier {
namespace {

using Uuid = std::array<unsigned char, 16>;

Uuid random_bytes() {
    // Many at a time: each call of the generator asks the operating system which process this is.
    constexpr std::size_t kPool = 64;
    thread_local std::array<Uuid, kPool> pool;
    thread_local std::size_t used = kPool;
    if (used == kPool) {
        if (RAND_bytes(pool.front().data(), static_cast<int>(sizeof pool)) != 1)
            throw std::runtime_error("the operating system gave no random bytes");
        used = 0;
    }
    return pool[used++];
}

std::string to_text(Uuid bytes, unsigned version) {
    bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0F) | (version << 4));
    bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3F) | 0x80);
    static constexpr char kHex[] = "0123456789abcdef";
    std::string text;
    text.reserve(36);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
        text += kHex[bytes[i] >> 4];
        text += kHex[bytes[i] & 0x0F];
    }
    return text;
}

}  // namespace

std::string new_uuid() {
    return to_text(random_bytes(), 4);
}

std::string new_ordered_id() {
    Uuid bytes = random_bytes();
    auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                  std::chrono::system_clock::now().time_since_epoch())
                  .count();
    for (std::size_t i = 6; i-- > 0; ms >>= 8) bytes[i] = static_cast<unsigned char>(ms & 0xFF);
    return to_text(bytes, 7);
}

}  // namespace pgcourier
