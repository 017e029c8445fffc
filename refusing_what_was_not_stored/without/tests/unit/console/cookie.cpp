#include "console/cookie.hpp"

#include "support/fake_clock.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <string>

namespace pgcourier::console {
namespace {

namespace data = boost::unit_test::data;
using std::chrono::hours;
using std::chrono::milliseconds;

const WallTime kNow{milliseconds{1'770'544'800'000}};
const Signer kSigner{Secret{"token"}, Secret{"viewer's"}};

Visitor zoe() {
    return {.role = Role::operates, .name = "Zoé", .expires = kNow + hours{12}};
}

}  // namespace

BOOST_AUTO_TEST_CASE(what_was_signed_is_read_again) {
    const std::string value = kSigner.sign(zoe(), "nonce");
    const auto read = kSigner.read(value, kNow);
    BOOST_REQUIRE(read.has_value());
    BOOST_TEST((read->role == Role::operates));
    BOOST_TEST(read->name == "Zoé");
    BOOST_TEST(read->by() == "console: Zoé");
    BOOST_TEST((read->expires == kNow + hours{12}));
    BOOST_TEST(value.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                       "0123456789-_.") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(who_has_no_name_acts_as_the_console) {
    const std::string value =
        kSigner.sign({.role = Role::views, .expires = kNow + hours{1}}, "nonce");
    BOOST_TEST(kSigner.read(value, kNow)->by() == "console");
    BOOST_TEST((kSigner.read(value, kNow)->role == Role::views));
}

BOOST_AUTO_TEST_CASE(a_changed_byte_is_noticed_wherever_it_is) {
    const std::string value = kSigner.sign(zoe(), "nonce");
    for (std::size_t i = 0; i < value.size(); ++i) {
        std::string changed = value;
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        BOOST_TEST(!kSigner.read(changed, kNow).has_value(), "byte " << i);
        BOOST_TEST(!kSigner.read(value.substr(0, i), kNow).has_value(), "cut at " << i);
    }
    BOOST_TEST(!kSigner.read(value + "A", kNow).has_value());
}

BOOST_AUTO_TEST_CASE(it_ends_at_its_time) {
    const std::string value = kSigner.sign(zoe(), "nonce");
    BOOST_TEST(kSigner.read(value, kNow + hours{12} - milliseconds{1}).has_value());
    BOOST_TEST(!kSigner.read(value, kNow + hours{12}).has_value());
}

BOOST_AUTO_TEST_CASE(another_instance_with_the_token_takes_it_and_one_with_another_does_not) {
    const Visitor bruno{.role = Role::views, .name = "Bruno", .expires = kNow + hours{1}};
    const std::string operated = kSigner.sign(zoe(), "nonce");
    const std::string viewed = kSigner.sign(bruno, "nonce");
    const Signer again{Secret{"token"}, Secret{"viewer's"}};
    BOOST_TEST(again.read(operated, kNow).has_value());
    BOOST_TEST(again.read(viewed, kNow).has_value());
    BOOST_TEST(again.csrf_token(operated) == kSigner.csrf_token(operated));

    const Signer other_token{Secret{"other"}, Secret{"viewer's"}};
    BOOST_TEST(!other_token.read(operated, kNow).has_value());
    const Signer other_viewers{Secret{"token"}, Secret{"other"}};
    BOOST_TEST(!other_viewers.read(viewed, kNow).has_value());
    const Signer no_viewers{Secret{"token"}, Secret{}};
    BOOST_TEST(!no_viewers.read(viewed, kNow).has_value());
}

// Who only views knows one token and has a cookie of it: neither helps them to the other role.
BOOST_AUTO_TEST_CASE(what_a_viewer_has_is_made_of_the_viewers_token_alone) {
    const Visitor bruno{.role = Role::views, .name = "Bruno", .expires = kNow + hours{1}};
    const Signer other_operators{Secret{"other"}, Secret{"viewer's"}};
    BOOST_TEST(other_operators.sign(bruno, "nonce") == kSigner.sign(bruno, "nonce"));
    const Signer with_what_they_know{Secret{"viewer's"}, Secret{}};
    BOOST_TEST(!kSigner.read(with_what_they_know.sign(zoe(), "nonce"), kNow).has_value());
    const Signer without{Secret{"token"}, Secret{}};
    BOOST_TEST(!kSigner.read(without.sign(bruno, "nonce"), kNow).has_value());
}

BOOST_AUTO_TEST_CASE(the_csrf_token_belongs_to_one_cookie_and_is_no_part_of_it) {
    const std::string one = kSigner.sign(zoe(), "one");
    const std::string two = kSigner.sign(zoe(), "two");
    BOOST_TEST(one != two);
    BOOST_TEST(kSigner.csrf_token(one) != kSigner.csrf_token(two));
    BOOST_TEST(one.find(kSigner.csrf_token(one)) == std::string::npos);
}

BOOST_AUTO_TEST_CASE(of_a_cookie_header_the_named_ones_are_taken) {
    const auto values = [](const char* header) {
        std::string all;
        for (const std::string_view one : cookie_values(header, "pgcourier_ops"))
            all.append("[").append(one).append("]");
        return all;
    };
    BOOST_TEST(values("pgcourier_ops=a.b") == "[a.b]");
    BOOST_TEST(values("x=1; pgcourier_ops=a; y=2") == "[a]");
    BOOST_TEST(values("xpgcourier_ops=a") == "");
    BOOST_TEST(values("pgcourier_ops") == "");
    BOOST_TEST(values("pgcourier_ops=a;pgcourier_ops=b") == "[a][b]");
    BOOST_TEST(values("") == "");
}

BOOST_AUTO_TEST_CASE(base64url_comes_back_for_all_lengths) {
    std::string bytes;
    for (int i = 0; i < 300; ++i) {
        const std::string text = to_base64url(bytes);
        BOOST_TEST((from_base64url(text) == bytes));
        BOOST_TEST(text.find('=') == std::string::npos);
        bytes += static_cast<char>(i * 7);
    }
}

BOOST_DATA_TEST_CASE(what_is_no_base64url_is_refused,
                     data::make(std::vector<std::string>{"A", "AB=", "A+BC", "A/BC", "AB C", "AB",
                                                         "AAAAA"})) {
    // `AB` and the like have bits that belong to no byte and are not zero, or too few of them.
    BOOST_TEST(!from_base64url(sample).has_value());
}

}  // namespace pgcourier::console
