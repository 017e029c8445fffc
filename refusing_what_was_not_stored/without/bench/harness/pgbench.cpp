#include "harness/pgbench.hpp"

#include "support/eventually.hpp"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
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

void add_variables(std::vector<std::string>& arguments,
                   const std::map<std::string, std::int64_t>& variables) {
    for (const auto& [name, value] : variables)
        arguments.push_back("--define=" + name + "=" + std::to_string(value));
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
    add_variables(arguments, drain.variables);
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

std::vector<double> run_paced(const test::TestDatabase& db, const Paced& paced) {
    const std::filesystem::path folder = test::scratch_directory() + "/paced";
    std::filesystem::remove_all(folder);
    std::filesystem::create_directory(folder);
    std::vector<std::string> arguments{"--no-vacuum",
                                       "--protocol=prepared",
                                       "--log",
                                       "--log-prefix=" + (folder / "log").string(),
                                       "--client=" + std::to_string(paced.clients),
                                       "--rate=" + std::to_string(paced.a_second),
                                       "--time=" + std::to_string(paced.seconds),
                                       "--file=" + paced.script};
    add_variables(arguments, paced.variables);
    arguments.push_back(db.url().reveal());
    test::Process process{arguments, {}, {}, "/usr/bin/pgbench"};
    test::eventually([&] { return !process.is_running(); }, std::chrono::minutes{10});
    if (process.wait() != 0)
        throw std::runtime_error{"pgbench, " + paced.script + ": " + process.output()};
    // client, number, µs from when it was due, script, second, µs, µs that it began late
    std::vector<double> took_ms;
    for (const auto& file : std::filesystem::directory_iterator{folder}) {
        std::ifstream lines{file.path()};
        for (std::string line; std::getline(lines, line);) {
            std::istringstream words{line};
            std::int64_t client = 0;
            std::int64_t number = 0;
            double micros = 0;
            if (words >> client >> number >> micros) took_ms.push_back(micros / 1000);
        }
    }
    if (took_ms.empty()) throw std::runtime_error{"pgbench wrote no log: " + process.output()};
    return took_ms;
}

}  // namespace pgcourier::bench
