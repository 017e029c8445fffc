#pragma once
// Open pages of the operations console: each listens to the live events and asks every 4 s what is
// not normal, as the overview does.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

namespace pgcourier::bench {

class Viewers {
  public:
    /// Signs in with `token` and opens `count` pages; 0: nobody looks.
    ///
    /// throws std::runtime_error when the console does not let them in
    Viewers(std::uint16_t port, const std::string& token, std::size_t count);
    ~Viewers();
    Viewers(const Viewers&) = delete;
    Viewers& operator=(const Viewers&) = delete;

    /// Overviews that they were told of so far, all together.
    std::uint64_t told() const { return told_; }
    /// Questions that were answered 200.
    std::uint64_t answered() const { return answered_; }

  private:
    struct Page {
        int live = -1;
        int asks = -1;
        std::string head;    // of the live answer, until it is there
        std::string answer;  // to the last question
        std::string tail;    // of the last events, where a mark may be cut
    };
    int connect() const;
    void ask(Page& page) const;
    void read_live(Page& page);
    void read_answer(Page& page);
    void look(const std::stop_token& stop);

    const std::uint16_t port_;
    std::string cookie_;
    std::vector<Page> pages_;
    std::atomic<std::uint64_t> told_{0};
    std::atomic<std::uint64_t> answered_{0};
    std::jthread thread_;
};

}  // namespace pgcourier::bench
