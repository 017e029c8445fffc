#pragma once
// What http/'s files include, compiled once: the program's own set, Asio and Beast's parser.
#include "pch.hpp"

#include <boost/asio.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
