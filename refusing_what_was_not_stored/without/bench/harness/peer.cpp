#include "harness/peer.hpp"

#include "support/eventually.hpp"
#include "support/free_port.hpp"

#include <chrono>
#include <filesystem>
#include <regex>
#include <stdexcept>

namespace pgcourier::bench {
namespace {

constexpr const char* kFolder = "bench/peers/";

std::string node() {
    for (const char* machine : {"x64", "arm64"}) {
        std::string path =
            std::string{kFolder} + "node_modules/node-linux-" + machine + "/bin/node";
        if (std::filesystem::exists(path)) return path;
    }
    throw std::runtime_error{"bench/peers/node_modules has no Node: make bench-peers installs it"};
}

std::string run_to_end(test::Process& process, const std::string& what) {
    test::eventually([&] { return !process.is_running(); }, std::chrono::minutes{10});
    if (process.wait() != 0) throw std::runtime_error{what + ": " + process.output()};
    return process.output();
}

}  // namespace

Redis::Redis()
    : port_{test::free_port()},
      process_{{"--port", std::to_string(port_), "--bind", "127.0.0.1", "--dir",
                test::scratch_directory(), "--save", "", "--appendonly", "yes", "--appendfsync",
                "everysec"},
               {},
               {},
               "/usr/bin/redis-server"} {
    if (!process_.wait_for_output("Ready to accept connections"))
        throw std::runtime_error{"redis-server: " + process_.output()};
}

std::unique_ptr<test::Process> start_node(const std::string& script,
                                          std::vector<std::string> arguments,
                                          const test::Variables& variables) {
    arguments.insert(arguments.begin(), kFolder + script + ".mjs");
    return std::make_unique<test::Process>(std::move(arguments), variables, "", node());
}

double node_jobs_rate(const std::string& script, const test::Variables& variables) {
    const auto process = start_node(script, {}, variables);
    const std::string output = run_to_end(*process, script);
    static const std::regex kAnswer{R"(\{"jobs":([0-9]+),"seconds":([0-9.e-]+)\})"};
    std::smatch answer;
    if (!std::regex_search(output, answer, kAnswer))
        throw std::runtime_error{script + " told no time: " + output};
    return std::stod(answer[1]) / std::stod(answer[2]);
}

void fill_with_psql(const test::TestDatabase& db, const std::string& file, std::int64_t jobs) {
    test::Process psql{
        {"--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--set=jobs=" + std::to_string(jobs),
         "--file=" + (kFolder + file), db.url().reveal()},
        {{"PGOPTIONS", "-c synchronous_commit=off"}},
        {},
        "/usr/bin/psql"};
    run_to_end(psql, file);
    db.exec("VACUUM ANALYZE");
    db.exec("CHECKPOINT");
}

}  // namespace pgcourier::bench
