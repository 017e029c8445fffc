#pragma once
// A TCP proxy on loopback between the program and its database, which can lose what a network
// loses.

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <thread>

namespace pgcourier::test {

class TcpProxy {
  public:
    /// Forwards 127.0.0.1:port() to 127.0.0.1:target.
    explicit TcpProxy(std::uint16_t target);
    ~TcpProxy();
    TcpProxy(const TcpProxy&) = delete;
    TcpProxy& operator=(const TcpProxy&) = delete;

    std::uint16_t port() const { return port_; }

    /// Once: the first answer that contains `marker` never arrives; its connection is closed
    /// instead. With the tag `COMMIT` that is a commit which happened and whose reply was lost.
    void lose_answer(const std::string& marker);
    bool has_lost_answer() const { return has_lost_; }

    /// From now on each piece of what the server says goes through this, on the thread of its
    /// connection; what is left of it is passed on.
    void change_answers(std::function<void(std::string& piece)> change);

    /// How much the clients have said so far.
    std::uint64_t bytes_to_server() const { return bytes_to_server_; }

    /// Breaks every connection that is open now; new ones are served.
    void cut();
    /// Every connection that is open now stays so and carries nothing more, either way: what a
    /// firewall does that has forgotten it. The kernel still acknowledges, so that only whoever
    /// waits for an answer finds out.
    ///
    /// also_new  those that come are accepted and never hear anything either, until the next
    ///           stall() or cut()
    void stall(bool also_new = false);
    /// New connections go to this port; those that are open stay where they are.
    void aim_at(std::uint16_t target) { target_ = target; }
    /// Connections that were accepted so far.
    std::size_t accepted() const { return accepted_; }

  private:
    struct Link {
        /// Waits for its threads, which end when either side has.
        ~Link();
        int client = -1;
        int server = -1;  // or -1: nobody will hear the client
        std::atomic<bool> is_stalled{false};
        std::atomic<bool> was_asked{false};  // since its last answer began
        std::atomic<int> copying{0};         // threads that have not ended
        std::jthread upward;
        std::jthread downward;
    };
    void accept_all();
    void copy(Link& link, bool is_downward);
    void fail(const char* what, int error);

    std::atomic<std::uint16_t> target_;
    std::atomic<std::size_t> accepted_{0};
    std::uint16_t port_ = 0;
    int listener_ = -1;
    std::mutex mutex_;
    std::list<Link> links_;                     // guarded by mutex_
    bool stalls_new_ = false;                   // guarded by mutex_
    std::string failure_;                       // guarded by mutex_
    std::string marker_;                        // guarded by mutex_; empty: lose nothing
    std::function<void(std::string&)> change_;  // guarded by mutex_
    std::atomic<bool> has_lost_{false};
    std::atomic<bool> is_ending_{false};
    std::atomic<std::uint64_t> bytes_to_server_{0};
    std::jthread acceptor_;
};

}  // namespace pgcourier::test
