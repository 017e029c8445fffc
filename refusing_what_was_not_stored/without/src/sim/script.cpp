#include "sim/script.hpp"

#include "base/address.hpp"
#include "base/environment.hpp"
#include "twilio/json.hpp"

#include <charconv>
#include <functional>
#include <map>
#include <utility>

namespace pgcourier::sim {
namespace {

constexpr std::pair<std::string_view, ApiCall> kCalls[] = {
    {"create", ApiCall::create}, {"list", ApiCall::list},       {"fetch", ApiCall::fetch},
    {"media", ApiCall::media},   {"account", ApiCall::account}, {"senders", ApiCall::senders}};
constexpr std::pair<std::string_view, Answer> kAnswers[] = {
    {"normal", Answer::normal},       {"error", Answer::error},     {"hang", Answer::hang},
    {"reset", Answer::reset},         {"close", Answer::close},     {"cut", Answer::cut},
    {"truncated", Answer::truncated}, {"invalid", Answer::invalid}, {"huge", Answer::huge},
    {"empty", Answer::empty}};

template <class Table, class Value>
std::string_view name_in(const Table& table, Value wanted) {
    for (const auto& [name, value] : table) {
        if (value == wanted) return name;
    }
    return "?";
}

// Each reader fills one member and says whether the text was good.
bool read(std::string_view text, std::string& into) {
    into = text;
    return true;
}

template <class Int>
requires std::is_integral_v<Int> &&
    (!std::is_same_v<Int, bool>)bool read(std::string_view text, Int& into) {
    const auto number = whole_number<Int>(text);
    if (!number || std::cmp_less(*number, 0)) return false;
    into = *number;
    return true;
}

bool read(std::string_view text, double& into) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into);
    return error == std::errc{} && end == text.data() + text.size() && into >= 0 && into <= 1;
}

bool read(std::string_view text, bool& into) {
    into = text == "true";
    return into || text == "false";
}

bool read(std::string_view text, std::chrono::milliseconds& into) {
    std::int64_t count = 0;
    if (!read(text, count)) return false;
    into = std::chrono::milliseconds{count};
    return true;
}

bool read(std::string_view text, Answer& into) {
    for (const auto& [name, answer] : kAnswers) {
        if (name != text) continue;
        into = answer;
        return true;
    }
    return false;
}

template <class T>
bool read(std::string_view text, std::optional<T>& into) {
    return read(text, into.emplace());
}

bool read(std::string_view text, std::optional<ApiCall>& into) {
    into.reset();
    if (text == "any") return true;
    for (const auto& [name, call] : kCalls) {
        if (name == text) into = call;
    }
    return into.has_value();
}

bool read(std::string_view text, std::optional<std::string_view>& last) {
    for (const std::string_view status : kLastStatuses) {
        if (status == text) last = status;
    }
    return last.has_value();
}

struct Field {
    std::function<bool(std::string_view, Rule&)> set;
    std::string_view expected;
};

template <auto Member>
bool set_rule(std::string_view text, Rule& rule) {
    return read(text, rule.*Member);
}
template <auto Member>
bool set_behaviour(std::string_view text, Rule& rule) {
    return read(text, rule.then.*Member);
}
template <auto Member>
bool set_progress(std::string_view text, Rule& rule) {
    return read(text, rule.then.progress.*Member);
}

const std::map<std::string_view, Field>& fields_of_a_rule() {
    constexpr std::string_view kNumber = "a whole number, 0 or more";
    constexpr std::string_view kShare = "a number from 0 to 1";
    constexpr std::string_view kFlag = "true or false";
    static const std::map<std::string_view, Field> fields{
        {"call", {set_rule<&Rule::call>, "create, list, fetch, media, account, senders or any"}},
        {"to", {set_rule<&Rule::to>, "an address"}},
        {"from", {set_rule<&Rule::from>, "an address"}},
        {"body_prefix", {set_rule<&Rule::body_prefix>, "a text"}},
        {"skip", {set_rule<&Rule::skip>, kNumber}},
        {"times", {set_rule<&Rule::times>, kNumber}},
        {"probability", {set_rule<&Rule::probability>, kShare}},
        {"answer",
         {set_behaviour<&Behaviour::answer>,
          "normal, error, hang, reset, close, cut, truncated, invalid, huge or empty"}},
        {"processes", {set_behaviour<&Behaviour::processes>, kFlag}},
        {"status", {set_behaviour<&Behaviour::status>, "an HTTP status"}},
        {"code", {set_behaviour<&Behaviour::code>, "one of Twilio's error codes"}},
        {"message", {set_behaviour<&Behaviour::message>, "a text"}},
        {"retry_after", {set_behaviour<&Behaviour::retry_after>, "a whole number of seconds"}},
        {"delay_ms", {set_behaviour<&Behaviour::delay>, kNumber}},
        {"size", {set_behaviour<&Behaviour::size>, "a number of bytes"}},
        {"callbacks", {set_progress<&ProgressChange::callbacks>, kFlag}},
        {"step_ms", {set_progress<&ProgressChange::step>, kNumber}},
        {"last",
         {set_progress<&ProgressChange::last>,
          "queued, sent, delivered, read, undelivered or failed"}},
        {"error_code", {set_progress<&ProgressChange::error_code>, "one of Twilio's error codes"}},
        {"copies", {set_progress<&ProgressChange::copies>, kNumber}},
        {"shuffled", {set_progress<&ProgressChange::is_shuffled>, kFlag}},
        {"loss", {set_progress<&ProgressChange::loss>, kShare}},
    };
    return fields;
}

bool fits(const Rule& rule, const CallFacts& facts) {
    return (!rule.call || *rule.call == facts.call) &&
           (rule.to.empty() || bare_address(rule.to) == bare_address(facts.to)) &&
           (rule.from.empty() || bare_address(rule.from) == bare_address(facts.from)) &&
           facts.body.starts_with(rule.body_prefix);
}

}  // namespace

std::string_view to_text(ApiCall call) {
    return name_in(kCalls, call);
}
std::string_view to_text(Answer answer) {
    return name_in(kAnswers, answer);
}

Result<Rule> read_rule(const twilio::Params& fields) {
    Rule rule;
    bool has_answer = false;
    bool has_error = false;
    for (const auto& [name, value] : fields) {
        const auto field = fields_of_a_rule().find(name);
        if (field == fields_of_a_rule().end()) {
            std::string names;
            for (const auto& [known, _] : fields_of_a_rule())
                names.append(names.empty() ? "" : ", ").append(known);
            return Problem{"a rule has no field " + shown(name) + "; it has " + names};
        }
        if (!field->second.set(value, rule)) {
            return Problem{name + " of a rule: found " + shown(value) + ", expected " +
                           std::string{field->second.expected}};
        }
        has_answer = has_answer || name == "answer";
        has_error = has_error || name == "status" || name == "code";
    }
    if (has_error && !has_answer) rule.then.answer = Answer::error;
    if (rule.then.status < 200 || rule.then.status > 599) {
        return Problem{"status of a rule: expected an HTTP status from 200 to 599"};
    }
    return rule;
}

Result<std::vector<Rule>> read_rules(std::string_view text) {
    std::vector<Rule> rules;
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
        const bool is_json = line[line.find_first_not_of(" \t\r")] == '{';
        const auto fields = is_json ? twilio::json_fields(line) : twilio::decode_form(line);
        if (fields.empty() || (!is_json && line.find('=') == std::string_view::npos)) {
            return Problem{"a rule: found " + shown(line) +
                           R"(, expected JSON like {"to":"+33698765432","status":503,"times":2})"};
        }
        auto rule = read_rule(fields);
        if (!rule) return rule.error();
        rules.push_back(*std::move(rule));
    }
    return rules;
}

void Script::add(Rule rule) {
    const std::scoped_lock lock{mutex_};
    rules_.push_back({.rule = std::move(rule)});
}

void Script::clear() {
    const std::scoped_lock lock{mutex_};
    rules_.clear();
}

std::size_t Script::size() const {
    const std::scoped_lock lock{mutex_};
    return rules_.size();
}

std::optional<Behaviour> Script::decide(const CallFacts& facts) {
    const std::scoped_lock lock{mutex_};
    for (auto& [rule, fitting, decided] : rules_) {
        if (!fits(rule, facts)) continue;
        if (fitting++ < rule.skip) continue;
        if (rule.times > 0 && decided >= rule.times) continue;
        if (rule.probability < 1 && rng_.unit() >= rule.probability) continue;
        ++decided;
        return rule.then;
    }
    return std::nullopt;
}

}  // namespace pgcourier::sim
