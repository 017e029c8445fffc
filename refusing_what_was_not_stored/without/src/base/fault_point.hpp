#pragma once
// Named moments of the program, at which the fault suite stops or kills it. Here they are one check
// of a null pointer: only tests/support/faulty_main.cpp ever sets it.

namespace pgcourier {

using FaultHook = void (*)(const char* name);

/// Set once, before the first thread starts; null in the product.
inline FaultHook fault_hook = nullptr;

/// Says that this moment is passed. A name is the module's word and the moment:
/// `sender.before_call`.
inline void fault_point(const char* name) {
    if (fault_hook != nullptr) [[unlikely]]
        fault_hook(name);
}

}  // namespace pgcourier
