#include "cli/command.hpp"

#include "base/config_file.hpp"
#include "cli/cli.hpp"

namespace pgcourier::cli {
namespace {

pg::Target target_of(const Secret& url, const char* variable) {
    auto target = pg::parse_url(url);
    if (!target) throw Failure{kUsage, std::string{variable} + ": " + target.error().what};
    return std::move(*target);
}

}  // namespace

Config config_for(Needs needs) {
    const auto file = ConfigFile::named_in(process_environment);
    if (!file) throw Failure{kUsage, file.error().what};
    auto config = read_config(file->over(process_environment), needs);
    if (!config) throw Failure{kUsage, config.error().what};
    return std::move(*config);
}

pg::ConnectOptions connect_options(const Config& config, const std::string& role) {
    pg::ConnectOptions options{.target = target_of(config.database_url, "DATABASE_URL"),
                               .role = role};
    options.is_direct = !config.is_pooled() && !options.target.is_pooled;
    return options;
}

pg::ConnectOptions direct_options(const Config& config, const std::string& role) {
    if (config.database_direct_url.empty()) return connect_options(config, role);
    return {.target = target_of(config.database_direct_url, "DATABASE_DIRECT_URL"), .role = role};
}

// So that the server says what took too long, and has ended it, before we give up.
constexpr std::chrono::seconds kBeyondStatement{5};

pg::Connection connect(const std::string& role) {
    pg::ConnectOptions options = connect_options(config_for(Needs::database), role);
    // A command says each statement once: nothing is gained by preparing it, nor by telling of a
    // pooler that nobody declared.
    options.is_direct = false;
    options.statement_timeout = options.answer_timeout;  // one is worth waiting for
    options.answer_timeout += kBeyondStatement;
    return pg::Connection{std::move(options)};
}

}  // namespace pgcourier::cli
