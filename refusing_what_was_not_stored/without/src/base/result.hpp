#pragma once
// Outcomes that the domain knows are values. Result<T> has no usable `.value()`: with our own
// Problem it does not compile, so that every caller tests before `*result`. Keep that property.

#include <boost/system/result.hpp>

#include <string>

namespace pgcourier {

/// What went wrong, in one line that answers: what was being done, to which id, what was found,
/// what was expected.
struct Problem {
    std::string what;
};

template <class T>
using Result = boost::system::result<T, Problem>;

}  // namespace pgcourier
