// DATABASE_URL: read or refused in one line that shows nothing of the text
// but its scheme; what is described for messages has no password in it; Prisma's own parameters
// reach libpq never, and the search path is one quoted identifier.
#include "fuzz/support.hpp"
#include "pg/url.hpp"

#include <string>

using namespace pgcourier;
using fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input{data, size};
    const std::string text{input.rest()};
    const auto target = pg::parse_url(Secret{text});
    if (!target) {
        const std::string& what = target.error().what;
        require(!fuzz::has_control(what), "a problem stands on one line");
        // The scheme is shown, whatever it is.
        require(text.substr(0, text.find("://")).find("s3cret") != std::string::npos ||
                    what.find("s3cret") == std::string::npos,
                "a problem shows no password");
        return 0;
    }
    std::string password;
    std::string elsewhere;  // the marker may stand in the host as well, and is shown there
    for (const auto& [keyword, value] : target->keywords) {
        if (keyword == "password") password = value;
        if (keyword == "host" || keyword == "hostaddr" || keyword == "port" || keyword == "dbname")
            elsewhere += value + "\n";
        require(keyword != "schema" && keyword != "pgbouncer" && keyword != "connection_limit",
                "Prisma's parameters do not reach libpq");
    }
    const std::string described = target->described();
    require(password.size() < 6 || elsewhere.find(password) != std::string::npos ||
                described.find(password) == std::string::npos,
            "the description has no password");
    require(!fuzz::has_control(described), "the description stands on one line");

    const std::string& path = target->search_path;
    if (!path.empty()) {
        require(path.size() > 2 && path.front() == '"' && path.back() == '"',
                "the search path is quoted and not empty");
        std::size_t quotes = 0;
        for (const char c : path.substr(1, path.size() - 2)) quotes += c == '"' ? 1 : 0;
        require(quotes % 2 == 0, "quotes within the search path are doubled");
        require(path.find('\0') == std::string::npos, "the search path has no zero byte");
    }
    return 0;
}
