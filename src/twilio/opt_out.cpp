#include "twilio/opt_out.hpp"

#include "base/utf8.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace pgcourier::twilio {
namespace {

constexpr std::string_view kStop[] = {"STOP",    "STOPALL", "UNSUBSCRIBE", "CANCEL",
                                      "END",     "QUIT",    "REVOKE",      "OPTOUT",
                                      "OPT-OUT", "ARRET",   "DESABONNER"};
constexpr std::string_view kStart[] = {"START", "UNSTOP", "REPRENDRE"};
// On a button of the shop's they are about an order, a booking, a tour.
constexpr std::string_view kAmbiguous[] = {"CANCEL", "END", "QUIT", "REVOKE", "START", "REPRENDRE"};

// Longest first, where one begins like another.
constexpr std::array<std::string_view, 3> kCourtesyInThree = {"S'IL", "VOUS", "PLAIT"};
constexpr std::string_view kCourtesies[] = {"PLEASE", "SVP", "MERCI", "S'IL-VOUS-PLAIT"};

enum class Kind { letter, mark, joiner, space, punctuation };

struct Folded {
    Kind kind;
    char letter;  // for letters and joiners; kForeign for a character that stands in none of our
                  // words
};

constexpr char kForeign = '\x01';

constexpr std::size_t kTooManyWords = 32;  // to be a word and courtesies; no need to read on

bool is_between(char32_t c, char32_t low, char32_t high) {
    return c >= low && c <= high;
}

/// White space as Unicode defines it, and characters that show nothing (they come with text that
/// was copied).
bool is_space(char32_t c) {
    return is_between(c, 0x09, 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0xAD ||
           c == 0x1680 || c == 0x180E || is_between(c, 0x2000, 0x200F) ||
           is_between(c, 0x2028, 0x202F) || is_between(c, 0x205F, 0x206F) || c == 0x3000 ||
           c == 0xFE0F || c == 0xFEFF;
}

bool is_punctuation(char32_t c) {
    constexpr std::u32string_view kMarks =
        U".,;:!?)]}\"*_~"
        U"\u00AB\u00BB\u2012\u2013\u2014\u2015\u201C\u201D\u2026\u203A\u3002\uFF01\uFF0C\uFF0E"
        U"\uFF1F";
    return kMarks.find(c) != std::u32string_view::npos;
}

/// Upper case without the accents that our words have.
Folded fold(char32_t c) {
    if (is_between(c, 'a', 'z')) return {Kind::letter, static_cast<char>(c - 'a' + 'A')};
    if (is_between(c, 'A', 'Z')) return {Kind::letter, static_cast<char>(c)};
    switch (c) {
        case U'\u00C8':  // È É Ê and è é ê
        case U'\u00C9':
        case U'\u00CA':
        case U'\u00E8':
        case U'\u00E9':
        case U'\u00EA':
            return {Kind::letter, 'E'};
        case U'\u00CE':  // Î î
        case U'\u00EE':
            return {Kind::letter, 'I'};
        case U'\u0300':  // combining grave, acute, circumflex
        case U'\u0301':
        case U'\u0302':
            return {Kind::mark, 0};
        case U'\'':
        case U'`':
        case U'\u00B4':
        case U'\u02BC':
        case U'\u2018':
        case U'\u2019':
            return {Kind::joiner, '\''};
        case U'-':
        case U'\u2010':
        case U'\u2011':
            return {Kind::joiner, '-'};
        default:
            break;
    }
    if (is_space(c)) return {Kind::space, 0};
    if (is_punctuation(c)) return {Kind::punctuation, 0};
    return {Kind::letter, kForeign};
}

/// Whether a first word may be one that counts. Of most messages it is not, and no more is read.
bool counts(std::string_view word) {
    return std::ranges::find(kStop, word) != std::end(kStop) ||
           std::ranges::find(kStart, word) != std::end(kStart);
}

/// The words of a text; the first alone when it does not count. An apostrophe or hyphen belongs to
/// a word only between two of its letters, elsewhere it is punctuation. A text that begins with
/// punctuation gives a foreign word first.
std::vector<std::string> words_of(std::string_view body) {
    std::vector<std::string> words;
    std::string word;
    char joiner = 0;
    const auto end_word = [&] {
        if (!word.empty()) words.push_back(std::move(word));
        word.clear();
        joiner = 0;
    };
    while (!body.empty() && words.size() < kTooManyWords &&
           (words.empty() || counts(words.front()))) {
        const CodePoint c = first_code_point(body);
        body.remove_prefix(c.bytes);
        const Folded folded = fold(c.value);
        switch (folded.kind) {
            case Kind::letter:
                if (joiner) word += std::exchange(joiner, 0);
                word += folded.letter;
                break;
            case Kind::mark:
                if (joiner || (!word.ends_with('E') && !word.ends_with('I'))) word += kForeign;
                break;
            case Kind::joiner:
                if (word.empty() && words.empty()) word += kForeign;
                if (joiner) {
                    end_word();
                } else if (!word.empty()) {
                    joiner = folded.letter;
                }
                break;
            case Kind::punctuation:
                if (word.empty() && words.empty()) word += kForeign;
                end_word();
                break;
            case Kind::space:
                end_word();
                break;
        }
    }
    end_word();
    return words;
}

bool are_courtesies(std::span<const std::string> words) {
    while (!words.empty()) {
        if (words.size() >= kCourtesyInThree.size() &&
            std::equal(kCourtesyInThree.begin(), kCourtesyInThree.end(), words.begin())) {
            words = words.subspan(kCourtesyInThree.size());
        } else if (std::ranges::find(kCourtesies, words.front()) != std::end(kCourtesies)) {
            words = words.subspan(1);
        } else {
            return false;
        }
    }
    return true;
}

}  // namespace

OptWord opt_word(std::string_view body, bool is_choice) {
    const std::vector<std::string> words = words_of(body);
    if (words.empty() || !counts(words.front()) || words.size() >= kTooManyWords)
        return OptWord::none;
    if (is_choice && std::ranges::find(kAmbiguous, words.front()) != std::end(kAmbiguous))
        return OptWord::none;
    if (!are_courtesies(std::span{words}.subspan(1))) return OptWord::none;
    return std::ranges::find(kStop, words.front()) != std::end(kStop) ? OptWord::stop
                                                                      : OptWord::start;
}

}  // namespace pgcourier::twilio
