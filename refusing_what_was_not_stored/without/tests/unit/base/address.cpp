#include "base/address.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

using namespace pgcourier;
namespace data = boost::unit_test::data;

namespace {

struct Pair {
    std::string given;
    std::string expected;
};
std::ostream& operator<<(std::ostream& out, const Pair& pair) {
    return out << '"' << pair.given << '"';
}

const std::vector<Pair> kBare = {
    {"whatsapp:+33612345678", "+33612345678"},
    {"WhatsApp:+33612345678", "+33612345678"},
    {"+33612345678", "+33612345678"},
    {"  whatsapp:+33612345678 ", "+33612345678"},
    {"whatsapp:FR.13491208655302741918", "FR.13491208655302741918"},
    {"whatsapp:whatsapp:+33612345678",
     "whatsapp:+33612345678"},  // one prefix is Twilio's, two are not
    {"whatsapp:", ""},
    {"whatsapp", "whatsapp"},
    {"sms:+33612345678", "sms:+33612345678"},
    {"", ""},
    {"   ", ""},
};

const std::vector<std::string> kNumbers = {"+33612345678", "+12025550", "+123456789012345"};
const std::vector<std::string> kNotNumbers = {
    "",
    "+",
    "33612345678",
    "+1234567",
    "+1234567890123456",
    "+03361234567",
    "+3361234567a",
    "+336 12345678",
    "whatsapp:+33612345678",
    "++33612345678",
    "+33612345678\n",
    std::string{"+3361234\0"
                "5678",
                13},
    "FR.13491208655302741918",
};

const std::vector<std::string> kUserIds = {
    "FR.13491208655302741918",     "US.ENT.11815799212886844830", "FR.1", "FR.aB9",
    "FR." + std::string(128, '1'),
};
const std::vector<std::string> kNotUserIds = {
    "",
    "FR.",
    "fr.1349",
    "F.1349",
    "FRA.1349",
    "FR1349",
    "FR.ENT.",
    "FR.13 49",
    "FR.13.49",
    "+33612345678",
    "FR." + std::string(129, '1'),
};

const std::vector<Pair> kMasked = {
    {"+33612345678", "+336…78"},
    {"whatsapp:+33612345678", "+336…78"},
    {"+12025550", "+120…50"},
    {"FR.13491208655302741918", "FR.…"},
    {"US.ENT.11815799212886844830", "US.…"},
    {"0612345678", "…"},
    {"Ann <ann@example.com>", "…"},
    {"", ""},
};

}  // namespace

BOOST_DATA_TEST_CASE(the_prefix_and_spaces_are_taken_off, data::make(kBare)) {
    BOOST_TEST(bare_address(sample.given) == sample.expected);
}
BOOST_DATA_TEST_CASE(plus_and_8_to_15_digits_are_a_number, data::make(kNumbers)) {
    BOOST_TEST(is_e164(sample));
}
BOOST_DATA_TEST_CASE(anything_else_is_no_number, data::make(kNotNumbers)) {
    BOOST_TEST(!is_e164(sample));
}
BOOST_DATA_TEST_CASE(a_country_and_an_id_are_a_user_id, data::make(kUserIds)) {
    BOOST_TEST(is_user_id(sample));
}
BOOST_DATA_TEST_CASE(anything_else_is_no_user_id, data::make(kNotUserIds)) {
    BOOST_TEST(!is_user_id(sample));
}
BOOST_DATA_TEST_CASE(what_is_shown_is_never_the_address, data::make(kMasked)) {
    BOOST_TEST(masked(sample.given) == sample.expected);
}
