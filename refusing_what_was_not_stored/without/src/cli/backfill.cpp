// `pgcourier backfill --since T [--until T] [--dry-run]`
#include "backfill/worker.hpp"
#include "base/address.hpp"
#include "cli/cli.hpp"
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "cli/text.hpp"
#include "cli/times.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <array>
#include <cstdio>
#include <unistd.h>

namespace pgcourier::cli {
namespace {

using backfill::Tally;
using backfill::Walked;

struct Options {
    std::string since;
    std::string until;
    std::string by;
    bool is_dry_run = false;
    bool as_json = false;
};

constexpr std::array<std::pair<const char*, std::int64_t Tally::*>, 9> kCounts{{
    {"listed", &Tally::listed},
    {"known", &Tally::known},
    {"left_to_webhooks", &Tally::young},
    {"fetched", &Tally::fetched},
    {"with_media", &Tally::with_media},
    {"without_content", &Tally::without_content},
    {"media_missing", &Tally::media_missing},
    {"unreadable", &Tally::unreadable},
    {"deliveries", &Tally::deliveries},
}};

std::string messages(std::int64_t count) {
    return fmt::format("{} message{}", count, count == 1 ? "" : "s");
}

void print_json(const Tally& tally, bool is_dry_run) {
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> json{buffer};
    json.StartObject();
    json.Key("dry_run");
    json.Bool(is_dry_run);
    for (const auto& [name, count] : kCounts) {
        json.Key(name);
        json.Int64(tally.*count);
    }
    json.EndObject();
    say_json(buffer.GetString());
}

void print(const Tally& tally, bool is_dry_run) {
    const auto line = [](const std::string& text) { std::printf("%s\n", text.c_str()); };
    line(fmt::format("{} missing{}, {} with media; {} there already.", messages(tally.fetched),
                     is_dry_run ? "" : " and fetched", tally.with_media, tally.known));
    if (tally.deliveries > 0) {
        line(fmt::format(
            "{} of sent messages {} news.",
            tally.deliveries == 1 ? "1 state" : fmt::format("{} states", tally.deliveries),
            tally.deliveries == 1 ? "is" : "are"));
    }
    if (tally.young > 0) {
        line(fmt::format("{} of the last minute left to the webhooks: run it again in a minute.",
                         messages(tally.young)));
    }
    if (tally.without_content > 0) {
        line(fmt::format("{} with neither text nor media: a location or a contact, perhaps.",
                         messages(tally.without_content)));
    }
    if (tally.media_missing > 0) {
        line(fmt::format("{} whose media Twilio does not have any more.",
                         messages(tally.media_missing)));
    }
    if (tally.unreadable > 0) {
        line(fmt::format("{} without a sender that can be one, not stored.",
                         messages(tally.unreadable)));
    }
    if (tally.fetched > 0) {
        line(
            "Twilio's list does not tell profile names, buttons, list replies, locations, quoted "
            "messages and referrals.");
    }
    if (is_dry_run) line("Nothing was changed.");
}

/// Over one line where somebody watches, else a line for each number.
class Progress {
  public:
    void at(const backfill::Place& place, const Tally& tally) {
        const std::string day = to_iso8601(WallTime{place.day}).substr(0, 10);
        const std::string line = fmt::format("{} {}: {} listed, {} missing", masked(place.number),
                                             day, tally.listed, tally.fetched);
        if (is_watched_) {
            std::fprintf(stderr, "\r\x1b[K%s", line.c_str());
        } else if (place.number != last_) {
            std::fprintf(stderr, "%s\n", line.c_str());
        }
        last_ = place.number;
    }
    void end() const {
        if (is_watched_) std::fprintf(stderr, "\r\x1b[K");
    }

  private:
    const bool is_watched_ = isatty(STDERR_FILENO) == 1;
    std::string last_;
};

Config config_with_credentials() {
    Config config = config_for(Needs::database);
    if (config.twilio_account_sid.empty())
        throw Failure{kUsage,
                      "TWILIO_ACCOUNT_SID: found nothing, expected the account, AC and 32 "
                      "characters: its messages are listed"};
    if (config.twilio_api_key_sid.empty() && config.twilio_auth_token.empty())
        throw Failure{kUsage,
                      "TWILIO_AUTH_TOKEN: found nothing, expected the account's token, or "
                      "an API key in TWILIO_API_KEY_SID and TWILIO_API_KEY_SECRET"};
    return config;
}

backfill::Times times_of(const Options& options, const Config& config) {
    pg::Connection db{connect_options(config, "backfill")};
    checked_time(db, "--since", options.since);
    const auto until = checked_time(db, "--until", options.until);
    backfill::Times times =
        backfill::read_times(db, options.since, until, std::chrono::days{config.retention_days});
    if (!times.is_ordered) throw Failure{kUsage, "--since: expected a time before --until"};
    if (!times.has_come) throw Failure{kUsage, "--until: found a time that has not come yet"};
    if (!times.is_kept && times.pruned_before) {
        throw Failure{kUsage,
                      fmt::format("--since: found a time before '{}': what is older may have been "
                                  "here and been deleted, and would come as new",
                                  *times.pruned_before)};
    }
    if (!times.is_kept) {
        throw Failure{
            kUsage,
            fmt::format("--since: found a time before RETENTION_DAYS ({}): what is older may have "
                        "been here and been deleted, and would come as new",
                        config.retention_days)};
    }
    return times;
}

int run(const Options& options) {
    const Config config = config_with_credentials();
    configure_log(LogLevel::error, config.log_format);  // standard output has the result
    const backfill::Times times = times_of(options, config);
    Progress progress;
    backfill::Settings settings = backfill::settings_of(config, "");
    settings.on_place = [&progress](const backfill::Place& place, const Tally& tally) {
        progress.at(place, tally);
    };
    Wake wake;
    backfill::Worker worker{connect_options(config, "backfill"), std::move(settings), wake,
                            system_clock(), random_seed()};
    const auto who = options.by.empty() ? std::nullopt : std::optional{options.by};
    const backfill::Filled filled =
        options.is_dry_run ? worker.look(times, {}) : worker.fill_for_person(times, who, {});
    progress.end();
    if (filled.walked == Walked::whole) {
        options.as_json ? print_json(filled.tally, options.is_dry_run)
                        : print(filled.tally, options.is_dry_run);
        return kOk;
    }
    const std::string so_far = fmt::format("{} missing so far", messages(filled.tally.fetched));
    if (options.is_dry_run)
        throw Failure{kFailed,
                      fmt::format("Twilio's list cannot be read: {}; {}", filled.problem, so_far)};
    if (filled.walked == Walked::stopped)
        throw Failure{kFailed, "another process has taken it over; " + so_far};
    throw Failure{kFailed, fmt::format("Twilio's list cannot be read: {}; {}. A running service "
                                       "with the role sender goes on with it",
                                       filled.problem, so_far)};
}

}  // namespace

void add_backfill(CLI::App& app, Chosen& chosen) {
    const auto options = std::make_shared<Options>();
    CLI::App* command = app.add_subcommand(
        "backfill",
        "Fetch from Twilio's list what people wrote and no webhook brought; the service does the "
        "same by itself after a start and after an outage of more than 10 s");
    command
        ->add_option("--since", options->since,
                     "Messages of this time and later, as '2026-02-08 10:00' (UTC); at most "
                     "RETENTION_DAYS ago")
        ->required();
    command->add_option("--until", options->until, "Messages up to this time; default: now");
    command->add_option("--by", options->by, "Who asks for it; default: the database's user");
    command->add_flag("--dry-run", options->is_dry_run, "Only count what is missing");
    command->add_flag("--json", options->as_json, "Print JSON");
    command->footer(
        "Messages that are there are left alone, so that it may be run again at any time. Broken "
        "off, it is finished by a running service within a minute or two; the table backfills says "
        "how far it is.");
    command->callback([&chosen, options] { chosen = [options] { return run(*options); }; });
}

}  // namespace pgcourier::cli
