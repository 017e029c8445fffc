#include "harness/system.hpp"

#include "support/eventually.hpp"
#include "support/free_port.hpp"
#include "support/webhook_sender.hpp"
#include "twilio/form.hpp"
#include "twilio/signature.hpp"

#include <fmt/format.h>

#include <stdexcept>
#include <thread>

namespace pgcourier::bench {

std::string tenant_number(int index) {
    return fmt::format("+337{:08}", index);
}
std::string client_number(std::uint64_t index) {
    return fmt::format("+336{:08}", index);
}

System::System(int tenants, sim::SimulatorOptions twilio) {
    test::use_durable_server();
    test::use_server_on_disk();
    db_ = std::make_unique<test::TestDatabase>();
    for (int i = 0; i < tenants; ++i)
        tenants_.push_back(db_->add_tenant(fmt::format("Shop {}", i), tenant_number(i)));
    twilio_ = std::make_unique<sim::Simulator>(std::move(twilio));
    if (const Result<void> started = twilio_->start(); !started)
        throw std::runtime_error{started.error().what};
    port_ = test::free_port();
}

test::Variables System::variables() const {
    test::Variables variables = test::service_variables(db_->url(), port_, twilio_->base_url());
    variables["OUTBOX_RATE_PER_SENDER"] = "0";
    variables["TWILIO_STATUS_CALLBACK"] = "off";
    return variables;
}

std::unique_ptr<test::Process> System::start(std::uint16_t port,
                                             const test::Variables& more) const {
    test::Variables all = variables();
    all["PORT"] = std::to_string(port);
    for (const auto& [name, value] : more) all[name] = value;
    auto service = std::make_unique<test::Process>(std::vector<std::string>{"serve"}, all);
    const std::string ready = fmt::format("http://127.0.0.1:{}/readyz", port);
    if (!test::eventually([&] { return test::get(ready).status == 200; }))
        throw std::runtime_error{service->output()};
    return service;
}

void System::serve(test::Variables more) {
    service_.reset();
    service_ = start(port_, more);
}

std::uint16_t System::serve_another(test::Variables more) {
    const std::uint16_t port = test::free_port();
    others_.push_back(start(port, more));
    return port;
}

std::vector<std::string> System::webhooks(std::uint64_t first, std::size_t count) const {
    const std::string url = fmt::format("http://127.0.0.1:{}/webhooks/twilio", port_);
    std::vector<std::string> requests;
    requests.reserve(count);
    for (std::uint64_t i = first; i < first + count; ++i) {
        const int tenant = static_cast<int>(i % tenants_.size());
        const twilio::Params form =
            test::inbound_form(i, client_number(i % 10000), tenant_number(tenant),
                               fmt::format("Bonjour, avez-vous encore la robe {} en 38 ?", i));
        const std::string body = twilio::encode_form(form);
        requests.push_back(fmt::format(
            "POST /webhooks/twilio HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nUser-Agent: "
            "TwilioProxy/1.1\r\n"
            "Content-Type: application/x-www-form-urlencoded; charset=UTF-8\r\nX-Twilio-Signature: "
            "{}\r\n"
            "I-Twilio-Idempotency-Token: {:032x}\r\nAccept: */*\r\nContent-Length: {}\r\n\r\n{}",
            port_, twilio::sign(test::test_auth_token(), url, form), i, body.size(), body));
    }
    return requests;
}

}  // namespace pgcourier::bench
