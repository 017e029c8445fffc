#pragma once
// Owners for handles of C libraries: `std::unique_ptr<PGconn, FreeWith<PQfinish>>`, as small as the
// pointer.

#include <memory>

namespace pgcourier {

template <auto Free>
struct FreeWith {
    template <class T>
    void operator()(T* handle) const noexcept {
        Free(handle);
    }
};

}  // namespace pgcourier
