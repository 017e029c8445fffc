#pragma once
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <pch.hpp>  // of src/; in quotes this file would find itself
