#pragma once
// Whether a sanitizer watches, for what it changes besides: memory, and what may be loaded first.

namespace pgcourier::test {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kIsSanitized = true;
#else
constexpr bool kIsSanitized = false;
#endif

}  // namespace pgcourier::test
