#include "support/scraped.hpp"

#include "support/webhook_sender.hpp"

#include <fmt/format.h>

#include <sstream>
#include <stdexcept>

namespace pgcourier::test {

// No value of ours has a brace or a comma between quotes that would matter; figures have commas,
// so that labels are parted at `",`.
std::string Scraped::in_order(const std::string& sample) {
    const std::size_t brace = sample.find('{');
    if (brace == std::string::npos) return sample;
    std::set<std::string> labels;
    std::string rest = sample.substr(brace + 1, sample.size() - brace - 2);
    while (!rest.empty()) {
        const std::size_t end = std::min(rest.find("\","), rest.size() - 1) + 1;
        labels.insert(rest.substr(0, end));
        rest.erase(0, std::min(end + 1, rest.size()));
    }
    std::string out = sample.substr(0, brace);
    for (const std::string& label : labels) out += (out.find('{') == out.npos ? "{" : ",") + label;
    return out + "}";
}

Scraped::Scraped(const std::string& text) {
    std::istringstream lines{text};
    std::string line;
    while (std::getline(lines, line)) {
        if (line.starts_with("# TYPE ")) {
            families_.insert(line.substr(7, line.find(' ', 7) - 7));
        }
        if (line.empty() || line.starts_with('#')) continue;
        const std::size_t space = line.rfind(' ');
        samples_[in_order(line.substr(0, space))] = std::stod(line.substr(space + 1));
        names_.insert(line.substr(0, line.find_first_of("{ ")));
    }
}

double Scraped::value(const std::string& sample) const {
    const auto found = samples_.find(in_order(sample));
    if (found == samples_.end()) throw std::runtime_error{"/metrics has no " + sample};
    return found->second;
}

double Scraped::sum(const std::string& name) const {
    double all = 0;
    for (const auto& [sample, value] : samples_) {
        if (sample.substr(0, sample.find('{')) == name) all += value;
    }
    return all;
}

Scraped scrape(std::uint16_t port) {
    const Posted answer = get(fmt::format("http://127.0.0.1:{}/metrics", port));
    if (answer.status != 200)
        throw std::runtime_error{fmt::format("/metrics answered {}", answer.status)};
    return Scraped{answer.body};
}

}  // namespace pgcourier::test
