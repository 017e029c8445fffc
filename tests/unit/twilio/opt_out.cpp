#include "twilio/opt_out.hpp"

#include <boost/test/unit_test.hpp>

using namespace pgcourier::twilio;

namespace {

const char* name_of(OptWord word) {
    return word == OptWord::stop ? "stop" : word == OptWord::start ? "start" : "none";
}

void all_mean(const char* expected, std::initializer_list<std::string> texts) {
    for (const std::string& text : texts) {
        BOOST_TEST(name_of(opt_word(text)) == std::string{expected}, text.substr(0, 80));
    }
}

}  // namespace

BOOST_AUTO_TEST_CASE(each_word_alone_stops_or_starts) {
    all_mean("stop", {"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT",
                      "OPT-OUT", "ARRÊT", "ARRET", "DÉSABONNER"});
    all_mean("start", {"START", "UNSTOP", "REPRENDRE"});
}

BOOST_AUTO_TEST_CASE(what_a_button_of_the_shops_may_mean_otherwise_does_not_count_as_a_choice) {
    for (const char* text :
         {"CANCEL", "End", "quit", "REVOKE", "Start", "reprendre", "Cancel please"})
        BOOST_TEST(name_of(opt_word(text, true)) == std::string{"none"}, text);
    for (const char* text :
         {"STOP", "stopall", "Unsubscribe", "OPTOUT", "opt-out", "Arrêt", "désabonner"})
        BOOST_TEST(name_of(opt_word(text, true)) == std::string{"stop"}, text);
    BOOST_TEST(name_of(opt_word("UNSTOP", true)) == std::string{"start"});
}

BOOST_AUTO_TEST_CASE(case_does_not_matter) {
    all_mean("stop", {"stop", "Stop", "sToP", "arrêt", "Arrêt", "ArrÊt", "désabonner", "Désabonner",
                      "opt-Out", "optout"});
    all_mean("start", {"start", "Unstop", "reprendre"});
}

BOOST_AUTO_TEST_CASE(accents_may_be_composed_decomposed_or_missing) {
    all_mean("stop", {"arr\u00EAt", "arre\u0302t", "ARR\u00CAT", "ARRE\u0302T", "arret",
                      "d\u00E9sabonner", "de\u0301sabonner", "DE\u0301SABONNER", "desabonner"});
    all_mean("none", {"sto\u0302p", "\u0301stop", "st\u00F6p", "arr\u00EBt", "stop\u0327"});
}

BOOST_AUTO_TEST_CASE(any_unicode_space_may_stand_around) {
    all_mean("stop", {" stop", "stop ", "\t\r\nstop\n\n", "\u00A0stop\u00A0", "\u2003stop\u3000",
                      "\u202Fstop\u2028", "\u1680\u205F\u0085stop", "\uFEFFstop\u200B",
                      "\u200Estop\u200F", "  stop  please  "});
}

BOOST_AUTO_TEST_CASE(punctuation_may_follow) {
    all_mean("stop",
             {"stop.", "STOP!", "stop !!!", "Stop?", "stop...", "stop…", "stop ;", "stop,",
              "stop -", "stop-", "stop\"", "arrêt !", "stop\u00A0!", "stop\u2019", "OPT-OUT."});
    all_mean("none", {".stop", "\"stop\"", "!stop", "-stop", "'stop'", ". . stop"});
}

BOOST_AUTO_TEST_CASE(courtesies_may_follow) {
    all_mean("stop",
             {"stop please", "STOP PLEASE!", "stop, please.", "Stop svp", "arrêt s'il vous plaît",
              "arret s'il vous plait", "stop s\u2019il vous pla\u00EEt",
              "stop s\u2019il vous plai\u0302t !", "STOP S'IL VOUS PLAÎT", "stop merci",
              "Stop, merci !", "stop svp merci", "stop. Merci. Please", "stop s'il-vous-plaît"});
    all_mean("start", {"start please", "Reprendre, s'il vous plaît", "unstop merci"});
}

BOOST_AUTO_TEST_CASE(any_other_text_means_neither) {
    all_mean("none", {"",
                      " ",
                      "\u00A0",
                      ".",
                      "please",
                      "merci",
                      "please stop",
                      "stop by the shop tomorrow",
                      "stop it",
                      "don't stop",
                      "non stop",
                      "nonstop",
                      "stopper",
                      "stop stop",
                      "stop start",
                      "stop 1",
                      "stop1",
                      "1 stop",
                      "stop🙂",
                      "stop 🙂",
                      "stop s'il",
                      "stop s'il vous",
                      "stop vous plaît",
                      "stopplease",
                      "opt out",
                      "opt--out",
                      "op-tout",
                      "s-t-o-p",
                      "st op",
                      "le bus s'arrêt",
                      "arrêter",
                      "cancel my order",
                      "the end",
                      "end of story",
                      "start the order",
                      "redémarrer",
                      "HELP",
                      "стоп",
                      "ѕtop"});
}

BOOST_AUTO_TEST_CASE(hostile_texts_mean_neither) {
    all_mean("none", {std::string(65536, ' '), std::string(65536, 'a'), std::string("stop\0", 5),
                      "stop\xFF", "\xEDstop", "arr\xC3"});
    std::string many = "stop";
    for (int i = 0; i < 10000; ++i) many += " please";
    all_mean("none", {many, many + " buy"});
    std::string far_away(65536, ' ');
    far_away += "stop";
    far_away.append(65536, '\n');
    all_mean("stop", {far_away});
}
