#include "cli/misspelt.hpp"

#include <boost/test/unit_test.hpp>

namespace pgcourier::cli {
namespace {

CommandHelp command(std::vector<std::string> words, std::vector<CommandHelp> below = {}) {
    CommandHelp help;
    help.words = std::move(words);
    help.wants_command = !below.empty();
    help.commands = std::move(below);
    return help;
}

CommandHelp with_options(CommandHelp help, const std::vector<std::string>& names) {
    for (const std::string& name : names) {
        OptionHelp option;
        option.names = {name};
        help.options.push_back(option);
    }
    return help;
}

const CommandHelp kRoot =
    command({}, {with_options(command({"status"}), {"--json", "--watch"}), command({"show"}),
                 command({"dlq"}, {command({"dlq", "list"}), command({"dlq", "retry"})})});

std::string said(const std::vector<std::string>& arguments) {
    return unknown_word(kRoot, arguments).value_or("nothing");
}

}  // namespace

BOOST_AUTO_TEST_CASE(an_unknown_command_is_named_with_the_nearest_one) {
    BOOST_TEST(said({"statsu"}) ==
               "pgcourier has no command statsu: did you mean `pgcourier status`?");
    BOOST_TEST(said({"dlq", "retyr", "7a"}) ==
               "pgcourier dlq has no command retyr: did you mean `pgcourier dlq retry`?");
    BOOST_TEST(said({"nosuch"}) ==
               "pgcourier has no command nosuch: `pgcourier --help` lists those that it has");
    BOOST_TEST(said({"dlq", "x"}) ==
               "pgcourier dlq has no command x: `pgcourier dlq --help` lists those that it has");
}

BOOST_AUTO_TEST_CASE(so_is_an_unknown_option) {
    BOOST_TEST(said({"status", "--jsn"}) ==
               "pgcourier status has no option --jsn: did you mean `--json`?");
    BOOST_TEST(said({"status", "--json", "--wacth=2"}) ==
               "pgcourier status has no option --wacth: did you mean `--watch`?");
    BOOST_TEST(said({"show", "an id", "--json"}) ==
               "pgcourier show has no option --json: `pgcourier show --help` lists those that it "
               "has");
    BOOST_TEST(said({"--nosuch"}) ==
               "pgcourier has no option --nosuch: `pgcourier --help` lists those that it has");
}

BOOST_AUTO_TEST_CASE(what_is_no_command_is_left_to_the_parser) {
    BOOST_TEST(said({}) == "nothing");
    BOOST_TEST(said({"dlq"}) == "nothing");
    BOOST_TEST(said({"status", "--json", "--watch=2", "--help", "-x"}) == "nothing");
    BOOST_TEST(said({"show", "--", "--jsn"}) == "nothing");
    BOOST_TEST(said({"show", "an id"}) == "nothing");
    BOOST_TEST(said({"dlq", "list", "too much"}) == "nothing");
}

BOOST_AUTO_TEST_CASE(of_a_short_word_few_letters_may_be_wrong) {
    BOOST_TEST(nearest("lst", {"list", "retry"}) == "list");
    BOOST_TEST(nearest("ls", {"list"}) == "");
    BOOST_TEST(nearest("", {"list"}) == "");
    BOOST_TEST(nearest("list", {"lists", "list"}) == "list");
}

}  // namespace pgcourier::cli
