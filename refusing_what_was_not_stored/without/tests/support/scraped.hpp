#pragma once
// What /metrics says, read back.

#include <map>
#include <set>
#include <string>

namespace pgcourier::test {

class Scraped {
  public:
    /// Prometheus's text format.
    explicit Scraped(const std::string& text);

    /// Of one sample as it stands there, `name{label="value"}` with all its labels in any order.
    /// throws  std::runtime_error when there is none
    double value(const std::string& sample) const;
    bool has(const std::string& sample) const { return samples_.contains(in_order(sample)); }
    /// Of all samples of a metric together.
    double sum(const std::string& name) const;
    /// Names of samples: a histogram has three (_bucket, _sum, _count).
    const std::set<std::string>& names() const { return names_; }
    /// Names of metrics: a histogram has one.
    const std::set<std::string>& families() const { return families_; }

  private:
    static std::string in_order(const std::string& sample);
    std::map<std::string, double> samples_;
    std::set<std::string> names_;
    std::set<std::string> families_;
};

/// Scrapes a service.
Scraped scrape(std::uint16_t port);

}  // namespace pgcourier::test
