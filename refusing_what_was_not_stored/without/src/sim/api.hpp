#pragma once
// Twilio's Messages API, the account and its senders on top of the simulated account, and what the
// script does to its answers. The API's handlers run on the HTTP server's thread and never wait: a
// late answer is left with the agenda.

#include "http/routes.hpp"
#include "sim/account.hpp"
#include "sim/create.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

namespace pgcourier::sim {

class Api {
  public:
    /// `account` must outlive it.
    explicit Api(Account& account);

    void add_routes(http::Routes& routes);
    /// How the server refuses by itself: as Twilio does, in JSON.
    static http::Response error(int status);

  private:
    /// Below `/2010-04-01/Accounts/AC…`: the list itself, a message, its media list, one of its
    /// media.
    struct Resource {
        std::string_view message_sid;  // empty: the list
        bool is_media = false;
        std::string_view media_sid;
    };

    void create(const http::Request& request, http::Responder responder);
    void read(const http::Request& request, http::Responder responder);
    /// The account itself: to its token alone, since that of an API key depends on its kind.
    void read_account(const http::Request& request, http::Responder responder);
    void read_senders(const http::Request& request, http::Responder responder);
    /// A read that was let in: as the script wants it, and noted.
    void answer_read(ApiCall call, const twilio::Params& filters, std::string_view message_sid,
                     http::Response response, http::Responder responder);
    http::Response list(const http::Request& request);
    http::Response fetch(const Resource& resource);
    std::optional<ApiError> refusal(const http::Request& request) const;
    std::optional<Resource> resource_of(std::string_view path) const;
    void send(http::Responder responder, http::Response response,
              const std::optional<Behaviour>& behaviour);

    Account& account_;
    std::string account_authorization_;
    std::unordered_set<std::string> authorizations_;  // values of the header that are let in
};

}  // namespace pgcourier::sim
