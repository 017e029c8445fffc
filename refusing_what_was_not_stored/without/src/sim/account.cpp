#include "sim/account.hpp"

#include "base/address.hpp"
#include "base/ids.hpp"
#include "twilio/signature.hpp"

#include <algorithm>
#include <utility>

namespace pgcourier::sim {
namespace {

constexpr std::chrono::seconds kWebhookTimeout{15};  // Twilio's, retries included

std::string with_whatsapp(std::string_view address) {
    return std::string{"whatsapp:"}.append(bare_address(address));
}

std::uint64_t seed_of(const SimulatorOptions& options) {
    return options.seed != 0 ? options.seed : random_seed();
}

}  // namespace

/// One message that a person sent, posted as often as was asked for.
struct Account::Posting {
    Account& account;
    http::Call call;
    LedgerEntry entry;
    int posts_left;
    std::size_t answers_left;
    InboundResult result;
    std::function<void(InboundResult)> done;
};

Account::Account(const SimulatorOptions& options, const Clock& clock)
    : options_{options},
      clock_{clock},
      script_{seed_of(options)},
      ledger_{options.keep},
      store_{options.keep},
      progress_{options.progress},
      rng_{seed_of(options)},
      sids_{random_seed()},
      agenda_{clock} {}

void Account::stamp(Message& message) {
    message.created = message.updated = now();
    const std::scoped_lock lock{mutex_};
    message.sid = new_sid(message.media.empty() ? "SM" : "MM", sids_);
    for (Media& media : message.media) media.sid = new_sid("ME", sids_);
}

void Account::take(const Message& message, const ProgressChange& change) {
    Progress progress;
    std::uint64_t number = 0;
    std::vector<std::string_view> statuses;
    std::vector<std::string_view> told;
    {
        const std::scoped_lock lock{mutex_};
        number = store_.add(message);
        progress = change.on(progress_);
        statuses = told = statuses_until(progress.last);
        if (progress.is_shuffled) {
            for (std::size_t i = told.size(); i > 1; --i) {
                std::swap(told[i - 1], told[rng_.between(0, i - 1)]);
            }
        }
    }
    if (options_.logs_traffic) {
        log_.info("Message accepted", {{"messageSid", message.sid}, {"to", masked(message.to)}});
    }
    const bool is_told = progress.callbacks && !message.status_callback.empty();
    for (std::size_t i = 0; i < statuses.size(); ++i) {
        const auto delay = progress.step * static_cast<int>(i + 1);
        agenda_.after(delay, [this, number, status = statuses[i], code = progress.error_code] {
            advance(number, status, code);
        });
        if (!is_told) continue;
        agenda_.after(
            delay, [this, number, status = told[i], progress] { tell(number, status, progress); });
    }
}

void Account::advance(std::uint64_t number, std::string_view status, int error_code) {
    const std::scoped_lock lock{mutex_};
    Message* message = store_.find(number);
    if (!message) return;
    message->status = status;
    message->updated = now();
    if (!message->sent && status != "failed") message->sent = message->updated;
    if (status == "failed" || status == "undelivered") message->error_code = error_code;
}

void Account::tell(std::uint64_t number, std::string_view status, const Progress& progress) {
    Message message;
    int copies = 0;
    {
        const std::scoped_lock lock{mutex_};
        const Message* found = store_.find(number);
        if (!found) return;
        message = *found;
        for (int i = 0; i < progress.copies; ++i) copies += rng_.unit() >= progress.loss ? 1 : 0;
    }
    const http::Call call =
        signed_post(message.status_callback,
                    status_form(message, status, progress.error_code, options_.account_sid));
    for (int i = 0; i < copies; ++i) {
        agenda_.post(call, [this, sid = message.sid, to = message.to, url = message.status_callback,
                            status](int answer) {
            ledger_.add({.time = now(),
                         .kind = "callback",
                         .sid = sid,
                         .to = to,
                         .status_callback = url,
                         .message_status = std::string{status},
                         .status = answer});
            if (options_.logs_traffic) {
                log_.info("Status callback posted",
                          {{"messageSid", sid}, {"messageStatus", status}, {"httpStatus", answer}});
            }
        });
    }
}

http::Call Account::signed_post(const std::string& url, const twilio::Params& form) {
    // The fragment holds Twilio's own settings (#rc=5); it is neither sent nor signed.
    const std::string sent_to = url.substr(0, url.find('#'));
    return {.method = "POST",
            .url = sent_to,
            .headers = {"Content-Type: application/x-www-form-urlencoded; charset=UTF-8",
                        "X-Twilio-Signature: " + twilio::sign(options_.auth_token, sent_to, form),
                        "I-Twilio-Idempotency-Token: " + new_uuid()},
            .body = twilio::encode_form(form),
            .user = {},
            .password = {},
            .timeout = kWebhookTimeout};
}

std::optional<Message> Account::find(std::string_view sid) const {
    const std::scoped_lock lock{mutex_};
    const Message* message = store_.find(sid);
    return message ? std::optional{*message} : std::nullopt;
}

Page Account::list(const ListQuery& query) const {
    const std::scoped_lock lock{mutex_};
    return store_.list(query, now() - options_.list_delay);
}

std::size_t Account::size() const {
    const std::scoped_lock lock{mutex_};
    return store_.size();
}

Result<void> Account::receive(const Inbound& inbound, std::function<void(InboundResult)> done) {
    const std::string& to = inbound.to.empty() ? options_.inbound_to : inbound.to;
    if (to.empty())
        return Problem{"an inbound message needs to: the simulator has no number of its own"};
    if (inbound.is_posted && options_.inbound_url.empty()) {
        return Problem{"the simulator was not told where inbound messages are posted"};
    }

    Message message;
    message.from = with_whatsapp(inbound.from);
    message.to = with_whatsapp(to);
    message.body = inbound.body;
    message.media = inbound.media;
    message.direction = "inbound";
    message.status = "received";
    stamp(message);
    if (inbound.sent_at) message.created = message.updated = *inbound.sent_at;
    message.sent = message.created;
    {
        const std::scoped_lock lock{mutex_};
        const Message* known = inbound.sid.empty() ? nullptr : store_.find(inbound.sid);
        if (known) message = *known;
        if (!known && !inbound.sid.empty()) message.sid = inbound.sid;
        if (!known) store_.add(message);
    }

    LedgerEntry entry{
        .time = message.created,
        .kind = "inbound",
        .sid = message.sid,
        .to = message.to,
        .from = message.from,
        .body = message.body,
        .media_url = message.media.empty() ? std::string{} : message.media.front().url};
    if (!inbound.is_posted) {
        ledger_.add(std::move(entry));
        agenda_.after({}, [sid = message.sid, done = std::move(done)] { done({sid, {}}); });
        return {};
    }
    const auto posting = std::make_shared<Posting>(Posting{
        .account = *this,
        .call =
            signed_post(options_.inbound_url, inbound_form(inbound, message, options_.account_sid)),
        .entry = std::move(entry),
        .posts_left = inbound.times,
        .answers_left = static_cast<std::size_t>(inbound.times),
        .result = {.sid = message.sid, .statuses = {}},
        .done = std::move(done)});
    // On the agenda's thread, as everything that happens to a posting.
    agenda_.after({}, [posting, first = inbound.is_concurrent ? inbound.times : 1] {
        for (int i = 0; i < first; ++i) post_next(posting);
    });
    return {};
}

void Account::post_next(const std::shared_ptr<Posting>& posting) {
    if (posting->posts_left == 0) return;
    --posting->posts_left;
    posting->account.agenda_.post(posting->call, [posting](int status) {
        Account& account = posting->account;
        LedgerEntry entry = posting->entry;
        entry.status = status;
        account.ledger_.add(std::move(entry));
        if (account.options_.logs_traffic) {
            account.log_.info("Inbound message posted",
                              {{"messageSid", posting->result.sid}, {"httpStatus", status}});
        }
        posting->result.statuses.push_back(status);
        if (--posting->answers_left == 0) {
            posting->done(std::move(posting->result));
        } else {
            post_next(posting);
        }
    });
}

void Account::set_progress(const Progress& progress) {
    const std::scoped_lock lock{mutex_};
    progress_ = progress;
}

void Account::reset() {
    agenda_.clear();
    script_.clear();
    ledger_.clear();
    const std::scoped_lock lock{mutex_};
    store_.clear();
    progress_ = options_.progress;
}

}  // namespace pgcourier::sim
