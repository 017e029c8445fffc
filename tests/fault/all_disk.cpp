// All guarantees while PostgreSQL's file system, a small one, is full, and when there is room
// again.
#include "support/eventually.hpp"
#include "support/fault_settings.hpp"
#include "support/traffic.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/mount.h>
#include <unistd.h>

using namespace pgcourier;
using namespace std::chrono_literals;
using test::eventually;

namespace {

/// A file system of 400 MiB, where one may be mounted: by root, and not in every container.
class SmallDisk {
  public:
    SmallDisk() : path_{test::scratch_directory() + "/small"} {
        std::filesystem::create_directories(path_);
        is_there_ = mount("tmpfs", path_.c_str(), "tmpfs", 0, "size=400m,mode=0755") == 0;
        BOOST_REQUIRE_MESSAGE(is_there_ || errno == EPERM || errno == EACCES,
                              "a small file system cannot be mounted: " << std::strerror(errno));
        if (is_there_) test::use_server_in(path_);
    }
    bool is_there() const { return is_there_; }
    /// The server, which goes later, keeps it until then.
    ~SmallDisk() {
        if (is_there_) umount2(path_.c_str(), MNT_DETACH);
    }
    SmallDisk(const SmallDisk&) = delete;
    SmallDisk& operator=(const SmallDisk&) = delete;

    void fill() const {
        const int file = open(ballast().c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        BOOST_REQUIRE(file >= 0);
        for (off_t at = 0; posix_fallocate(file, at, 64L * 1024) == 0;) at += 64L * 1024;
        close(file);
    }
    void make_room() const { std::filesystem::remove(ballast()); }
    std::uintmax_t room() const { return std::filesystem::space(path_).available; }

  private:
    std::string ballast() const { return path_ + "/ballast"; }
    std::string path_;
    bool is_there_ = false;
};

bool is_down(const test::TestDatabase& db) {
    try {
        db.connect("test-judge").exec_script("SELECT pg_current_wal_lsn()");
        return false;
    } catch (const pg::Error&) {
        return true;
    }
}

}  // namespace

// Fails without its protection: without/refusing_what_was_not_stored.patch.
BOOST_AUTO_TEST_CASE(the_disk_is_full_and_has_room_again) {
    const test::FaultSettings settings = test::fault_settings();
    BOOST_TEST_MESSAGE("FAULT_SEED=" << settings.seed);
    const SmallDisk disk;
    if (!disk.is_there()) {
        BOOST_TEST_MESSAGE("NOT RUN: nobody here may mount a file system; run it as root");
        return;
    }
    test::Cluster cluster{2, {.progress = {.step = 50ms}, .latency = 20ms, .seed = settings.seed}};
    for (std::size_t i = 0; i < cluster.size(); ++i)
        cluster.start(i, test::Variables{{"ROUTER_THREADS", "1"}});
    cluster.wait_until_ready();
    test::Traffic traffic{cluster, {}, settings.seed};
    BOOST_REQUIRE(traffic.goes_on(50, 30s));

    std::chrono::milliseconds worst{0};
    const int times = settings.times(1, 5, 30);
    for (int i = 0; i < times; ++i) {
        const std::size_t refused = traffic.refused();
        disk.fill();
        BOOST_TEST(disk.room() < 64U * 1024);
        // It was felt: in the files of its tables, or of its log, in which case the server goes
        // down by itself.
        BOOST_TEST(eventually([&] { return traffic.refused() > refused + 10; }, 120s));
        test::lasts(std::chrono::seconds{settings.times(2, 10, 30)});
        disk.make_room();
        // Only a server that went down needs its owner.
        if (is_down(cluster.db())) {
            cluster.db().server().stop(pg::PrivatePostgres::StopMode::immediate);
            BOOST_REQUIRE(cluster.db().server().restart());
        }
        worst = std::max(worst, traffic.time_until_all_goes_on());
    }
    test::end_well(
        cluster, traffic,
        fmt::format("{} times the disk full, worst {} ms until all went on", times, worst.count()));
}
