#include "outbox/sender_settings.hpp"

#include <algorithm>

namespace pgcourier::outbox {

SenderSettings sender_settings(const Config& config, std::string instance_id) {
    const bool has_key = !config.twilio_api_key_sid.empty();
    SenderSettings settings;
    settings.provider = {
        .base_url = config.twilio_api_base_url,
        .account_sid = config.twilio_account_sid,
        .user = has_key ? config.twilio_api_key_sid : config.twilio_account_sid,
        .password = has_key ? config.twilio_api_key_secret : config.twilio_auth_token,
        .callback_url = config.twilio_status_callback
                            ? config.webhook_public_url + "/webhooks/twilio/status"
                            : std::string{}};
    settings.policy.max_attempts = config.outbox_max_retries;
    settings.policy.cap = config.outbox_backoff_max;
    settings.instance_id = std::move(instance_id);
    settings.default_sender = config.twilio_whatsapp_number;
    settings.concurrency = static_cast<std::size_t>(config.outbox_concurrency);
    settings.batch_size = static_cast<std::size_t>(config.outbox_batch_size);
    settings.rate = config.outbox_rate_per_sender;
    settings.lease = config.outbox_lease;
    return settings;
}

std::vector<SenderSettings> shared_out(const SenderSettings& settings, std::size_t count) {
    count = std::clamp<std::size_t>(count, 1, settings.concurrency);
    std::vector<SenderSettings> all(count, settings);
    for (std::size_t i = 0; i < count; ++i) {
        all[i].concurrency = (settings.concurrency + count - 1 - i) / count;
        all[i].waits_for_wake = i > 0;
    }
    return all;
}

}  // namespace pgcourier::outbox
