#include "harness/pgbench.hpp"

#include "support/eventually.hpp"

#include <chrono>
#include <fstream>
#include <regex>
#include <stdexcept>
#include <vector>

namespace pgcourier::bench {
namespace {

std::string written(const std::string& script) {
    static int count = 0;
    const std::string path =
        test::scratch_directory() + "/pgbench-" + std::to_string(++count) + ".sql";
    std::ofstream{path} << script;
    return path;
}

}  // namespace

Pgbench::Pgbench(const test::TestDatabase& db, const std::string& script, int clients, int seconds)
    : script_path_{written(script)},
      process_{{"--no-vacuum", "--protocol=prepared", "--client=" + std::to_string(clients),
                "--jobs=2", "--time=" + std::to_string(seconds), "--progress=1",
                "--file=" + script_path_, db.url().reveal()},
               {},
               {},
               "/usr/bin/pgbench"} {}

double Pgbench::rate(int skip) {
    if (process_.wait() != 0) throw std::runtime_error{"pgbench: " + process_.output()};
    // progress: 4.0 s, 5123.4 tps, lat 12.4 ms stddev 3.1, 0 failed
    static const std::regex kProgress{R"(progress: ([0-9.]+) s, ([0-9.]+) tps)"};
    const std::string output = process_.output();
    double sum = 0;
    int count = 0;
    for (std::sregex_iterator line{output.begin(), output.end(), kProgress}, end; line != end;
         ++line) {
        if (std::stod((*line)[1]) < skip + 0.5) continue;
        sum += std::stod((*line)[2]);
        ++count;
    }
    if (count == 0) throw std::runtime_error{"pgbench told no progress: " + output};
    return sum / count;
}

double run_drain(const test::TestDatabase& db, const Drain& drain) {
    const std::int64_t each = drain.transactions / drain.clients;
    std::vector<std::string> arguments{"--no-vacuum",
                                       "--protocol=prepared",
                                       "--jobs=2",
                                       "--client=" + std::to_string(drain.clients),
                                       "--transactions=" + std::to_string(each),
                                       "--file=" + drain.script};
    for (const auto& [name, value] : drain.variables)
        arguments.push_back("--define=" + name + "=" + std::to_string(value));
    arguments.push_back(db.url().reveal());
    test::Process process{arguments, {{"PGOPTIONS", drain.options}}, {}, "/usr/bin/pgbench"};
    test::eventually([&] { return !process.is_running(); }, std::chrono::minutes{10});
    const std::string output = process.output();
    static const std::regex kRate{R"(tps = ([0-9.]+) \(without initial connection time\))"};
    std::smatch rate;
    if (process.wait() != 0 || !std::regex_search(output, rate, kRate))
        throw std::runtime_error{"pgbench, " + drain.script + ": " + output};
    return static_cast<double>(each * drain.clients) / std::stod(rate[1]);
}

}  // namespace pgcourier::bench
