#pragma once
// What a bench says: aligned lines for people, and the same as JSON with the machine that it was
// taken on. What is aimed at stands in a figure's name, "(at least 90)", "(at most 6)" or
// "(below 0.2)", and is held against it here: one place says it, and the program fails by it.

#include <map>
#include <string>
#include <vector>

namespace pgcourier::bench {

using Labels = std::map<std::string, std::string>;

class Report {
  public:
    /// After the settings of the test server.
    explicit Report(std::string bench);
    /// Writes build/…/bench/<bench>.json beside the program.
    ~Report();

    /// name    may say what is aimed at
    /// labels  further members of its object in the JSON, for charts
    void figure(const std::string& name, double value, const std::string& unit,
                const Labels& labels = {});
    /// The median of what several rounds gave; the JSON has each.
    void median(const std::string& name, const std::vector<double>& values, const std::string& unit,
                const Labels& labels = {});
    /// Only into the JSON.
    void keep(const std::string& name, double value, const std::string& unit, const Labels& labels);

    /// 0 when each figure so far is what its name aims at; 1, having told which are not.
    int exit_status() const;

  private:
    std::string bench_;
    std::string machine_;
    std::string json_;
    std::vector<std::string> missed_;  // names
};

}  // namespace pgcourier::bench
