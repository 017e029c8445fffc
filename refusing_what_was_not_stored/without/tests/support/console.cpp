#include "support/console.hpp"

#include "support/webhook_sender.hpp"
#include "twilio/form.hpp"
#include "twilio/json.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>
#include <rapidjson/document.h>

#include <fstream>
#include <iterator>

namespace pgcourier::test {
namespace {

const Yaml& description() {
    static const Yaml document = [] {
        std::ifstream file{PGCOURIER_SOURCE_DIR "/docs/console-api.yaml"};
        return parse_yaml(std::string{std::istreambuf_iterator<char>{file}, {}});
    }();
    return document;
}

const rapidjson::Value* find_key(const rapidjson::Value& value, const std::string& key) {
    if (value.IsObject()) {
        if (const auto found = value.FindMember(key.c_str()); found != value.MemberEnd())
            return &found->value;
        for (const auto& member : value.GetObject()) {
            if (const auto* found = find_key(member.value, key)) return found;
        }
    } else if (value.IsArray()) {
        for (const auto& one : value.GetArray()) {
            if (const auto* found = find_key(one, key)) return found;
        }
    }
    return nullptr;
}

}  // namespace

ConsoleService::ConsoleService(const Variables& more) {
    BOOST_REQUIRE(twilio.start());
    Variables variables = service_variables(db.url(), port, twilio.base_url());
    variables["OPS_TOKEN"] = kOperator;
    variables["OPS_TOKEN_READONLY"] = kViewer;
    variables["OUTBOX_POLL_INTERVAL_MS"] = "500";
    for (const auto& [name, value] : more) variables[name] = value;
    process = std::make_unique<Process>(std::vector<std::string>{"serve"}, variables);
    BOOST_REQUIRE_MESSAGE(process->wait_for_output("Worker started successfully"),
                          process->output());
}

RawReply ConsoleService::send(const std::string& method, const std::string& path,
                              const std::string& headers, const std::string& body) {
    std::string request = fmt::format("{} {} HTTP/1.1\r\nHost: x\r\n{}", method, path, headers);
    if (!cookie.empty()) request += "Cookie: " + cookie + "\r\n";
    if (!csrf.empty()) request += "X-CSRF-Token: " + csrf + "\r\n";
    if (method == "POST") request += fmt::format("Content-Length: {}\r\n", body.size());
    return RawHttp{port}.exchange(request + "\r\n" + body);
}

RawReply ConsoleService::get(const std::string& path, const std::string& headers) {
    return send("GET", path, headers, "");
}

RawReply ConsoleService::post(const std::string& path, const std::string& json) {
    return send("POST", path, "Content-Type: application/json\r\n", json);
}

void ConsoleService::sign_in(const std::string& token, const std::string& name) {
    cookie.clear();
    csrf.clear();
    const RawReply reply =
        post("/ops/sign-in", fmt::format(R"({{"token":{},"name":{}}})", twilio::json_string(token),
                                         twilio::json_string(name)));
    BOOST_REQUIRE_MESSAGE(reply.status == 200, reply.head + reply.body);
    const std::string set = reply.field("Set-Cookie");
    cookie = set.substr(0, set.find(';'));
    csrf = text_of(reply.body, "csrf_token");
    BOOST_TEST(text_of(get("/ops/api/session").body, "csrf_token") == csrf);
}

std::string ConsoleService::ask(const std::string& schema, const std::string& path) {
    const RawReply reply = get(path);
    BOOST_TEST(reply.status == 200, path << ": " << reply.status << ' ' << reply.body);
    BOOST_TEST(reply.field("Content-Type") == "application/json");
    if (!schema.empty()) like(schema, reply.body);
    return reply.body;
}

std::string ConsoleService::act(const std::string& schema, const std::string& path,
                                const std::string& json) {
    const RawReply reply = post(path, json);
    BOOST_TEST(reply.status == 200, path << ": " << reply.status << ' ' << reply.body);
    like(schema, reply.body);
    return reply.body;
}

void ConsoleService::like(const std::string& schema, const std::string& json) {
    for (const std::string& one : differences(description(), schema, json)) BOOST_ERROR(one);
}

void ConsoleService::receive(std::uint64_t number, const std::string& from, const std::string& to,
                             const std::string& body) const {
    const std::string hook = fmt::format("http://127.0.0.1:{}/webhooks/twilio", port);
    BOOST_TEST(post_signed(hook, inbound_form(number, from, to, body)).status == 200);
}

std::int64_t ConsoleService::connections() const {
    return db.count(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgcourier/console' AND "
        "datname = current_database()");
}

void ConsoleService::server_exec(const std::string& statement) {
    pg::Connection connection{
        {.target = *pg::parse_url(test_server().url("postgres")), .role = "test"}};
    connection.exec_script(statement.c_str());
}

std::vector<std::string> ConsoleService::gets(const std::string& id) {
    std::vector<std::string> paths;
    for (const char* path : {"overview", "abnormal",
                             "search?q=", "trace?id=", "conversation?person-of=", "dead-letters",
                             "tenants", "log", "audit"}) {
        paths.push_back(std::string{"/ops/api/"} + path);
        if (paths.back().ends_with('=')) paths.back() += id;
    }
    return paths;
}

std::vector<std::string> ConsoleService::posts() {
    std::vector<std::string> paths;
    for (const char* path :
         {"search", "dead-letters/preview", "dead-letters/retry", "dead-letters/discard", "pause",
          "resume", "opt-outs", "cancel", "release", "settle", "reveal"})
        paths.push_back(std::string{"/ops/api/"} + path);
    return paths;
}

std::string text_of(const std::string& json, const std::string& key) {
    rapidjson::Document document;
    document.Parse(json.c_str(), json.size());
    if (document.HasParseError()) return "";
    const rapidjson::Value* found = find_key(document, key);
    return found != nullptr && found->IsString()
               ? std::string{found->GetString(), found->GetStringLength()}
               : "";
}

std::vector<std::string> ids_of(const std::string& json, const std::string& list) {
    std::vector<std::string> ids;
    rapidjson::Document document;
    document.Parse(json.c_str(), json.size());
    if (document.HasParseError() || !document.IsObject() || !document.HasMember(list.c_str()))
        return ids;
    for (const auto& one : document[list.c_str()].GetArray())
        ids.emplace_back(one["id"].GetString());
    return ids;
}

std::string encoded(const std::string& text) {
    return twilio::percent_encode(text);
}

}  // namespace pgcourier::test
