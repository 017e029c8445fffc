#include "harness/pgbench.hpp"

#include "support/eventually.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <ranges>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <vector>

namespace pgcourier::bench {
namespace {

namespace fs = std::filesystem;

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

fs::path empty_folder(const std::string& name) {
    fs::path folder = test::scratch_directory() + "/" + name;
    fs::remove_all(folder);
    fs::create_directory(folder);
    return folder;
}

void run_to_end(const std::vector<std::string>& arguments, const test::Variables& variables,
                const std::string& script) {
    test::Process process{arguments, variables, {}, "/usr/bin/pgbench"};
    test::eventually([&] { return !process.is_running(); }, std::chrono::minutes{10});
    if (process.wait() != 0)
        throw std::runtime_error{"pgbench, " + script + ": " + process.output()};
}

/// A transaction, as --log has it.
/// https://www.postgresql.org/docs/15/pgbench.html, "Per-Transaction Logging"
struct Logged {
    std::int64_t client = 0;
    double took_us = 0;         // of a paced one: from when it was due
    std::int64_t ended_us = 0;  // since 1970
};

/// returns  in the order in which they ended
std::vector<Logged> read_log(const fs::path& folder) {
    std::vector<Logged> all;
    for (const auto& file : fs::directory_iterator{folder}) {
        std::ifstream lines{file.path()};
        for (std::string line; std::getline(lines, line);) {
            std::istringstream fields{line};
            Logged one;
            std::int64_t number = 0;
            std::int64_t script = 0;
            std::int64_t second = 0;
            std::int64_t micros = 0;
            if (!(fields >> one.client >> number >> one.took_us >> script >> second >> micros))
                continue;
            one.ended_us = second * 1'000'000 + micros;
            all.push_back(one);
        }
    }
    if (all.empty()) throw std::runtime_error{"pgbench wrote no log"};
    std::ranges::sort(all, {}, &Logged::ended_us);
    return all;
}

/// From when the last client was warm to when the first one had no more to do.
double rate_when_warm(const std::vector<Logged>& log) {
    std::map<std::int64_t, std::int64_t> done;
    std::map<std::int64_t, std::int64_t> ended_us;
    std::int64_t warm_us = 0;
    for (const Logged& one : log) {
        if (++done[one.client] <= kWarm) warm_us = one.ended_us;
        ended_us[one.client] = one.ended_us;
    }
    const std::int64_t end_us = std::ranges::min(ended_us | std::views::values);
    const auto counted = std::ranges::count_if(
        log, [&](const Logged& one) { return one.ended_us > warm_us && one.ended_us <= end_us; });
    if (counted == 0) throw std::runtime_error{"pgbench had too few transactions for a rate"};
    return 1e6 * static_cast<double>(counted) / static_cast<double>(end_us - warm_us);
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

Drained run_drain(const test::TestDatabase& db, const Drain& drain) {
    const std::int64_t each = drain.transactions / drain.clients;
    const fs::path folder = empty_folder("drained");
    std::vector<std::string> arguments{"--no-vacuum",
                                       "--protocol=prepared",
                                       "--jobs=2",
                                       "--log",
                                       "--log-prefix=" + (folder / "log").string(),
                                       "--client=" + std::to_string(drain.clients),
                                       "--transactions=" + std::to_string(each),
                                       "--file=" + drain.script};
    add_variables(arguments, drain.variables);
    arguments.push_back(db.url().reveal());
    run_to_end(arguments, {{"PGOPTIONS", drain.options}}, drain.script);
    return {.transactions = each * drain.clients, .rate = rate_when_warm(read_log(folder))};
}

void expect_count(const test::TestDatabase& db, const std::string& query, std::int64_t expected) {
    const std::int64_t found = db.count(query);
    if (found == expected) return;
    throw std::runtime_error{query + ": found " + std::to_string(found) + ", expected " +
                             std::to_string(expected)};
}

std::vector<double> run_paced(const test::TestDatabase& db, const Paced& paced) {
    const fs::path folder = empty_folder("paced");
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
    run_to_end(arguments, {}, paced.script);
    std::vector<double> took_ms;
    for (const Logged& one : read_log(folder)) took_ms.push_back(one.took_us / 1000);
    return took_ms;
}

}  // namespace pgcourier::bench
