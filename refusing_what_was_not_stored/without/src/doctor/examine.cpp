#include "doctor/examine.hpp"

#include "base/config.hpp"
#include "base/config_file.hpp"
#include "doctor/database.hpp"
#include "doctor/public_url.hpp"
#include "doctor/twilio.hpp"
#include "webhook/client_address.hpp"

namespace pgcourier::doctor {
namespace {

constexpr const char* kCheck = "values";
constexpr const char* kCorrect =
    "Correct that variable: pgcourier config shows all values, docs/configuration.md what they "
    "mean";

/// returns  nullopt when not even the database can be looked at with it
std::optional<Config> read_configuration(const Environment& process, Part& part) {
    const auto file = ConfigFile::named_in(process);
    if (!file) {
        part.fail(kCheck, file.error().what, "Correct the file, or PGCOURIER_CONFIG_FILE");
        return std::nullopt;
    }
    const Environment environment = file->over(process);
    ReadConfig read = read_whole_config(environment, Needs::service);
    for (const WrongValue& one : read.wrong)
        part.fail(kCheck, "serve would not start: " + one.text(), kCorrect);
    if (!read.wrong.empty()) {
        // What is only missing leaves the rest readable.
        if (!read_config(environment, Needs::database)) return std::nullopt;
        return std::move(read.config);
    }
    Config* const config = &read.config;
    const auto proxies = webhook::TrustedProxies::parse(config->trusted_proxies);
    if (!proxies) {
        part.fail(kCheck, "serve would not start: TRUSTED_PROXIES: " + proxies.error().what,
                  kCorrect);
        return std::move(*config);
    }
    std::string found = "serve would start with them";
    if (!file->path().empty()) found += "; " + file->path() + " stands over the environment";
    for (const std::string& notice : config->notices) found += "; " + notice;
    part.ok(kCheck, std::move(found));
    return std::move(*config);
}

}  // namespace

void examine(const Subject& subject, const Limits& limits, const Clock& clock, const Tell& tell) {
    Part part{"configuration", tell};
    const std::optional<Config> config = read_configuration(subject.environment, part);
    const FromDatabase database = examine_database(config, limits, clock, tell);
    std::vector<std::string> urls = subject.urls;
    for (std::string& url : examine_twilio(config, database, limits, clock, tell))
        urls.push_back(std::move(url));
    examine_public_url(config, subject.request, urls, tell);
    tell_webhook_urls(config, tell);
}

}  // namespace pgcourier::doctor
