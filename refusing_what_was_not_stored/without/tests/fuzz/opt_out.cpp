// Words that stop and resume: space around, punctuation and a courtesy behind, the other case and
// decomposed accents change nothing; a word before makes it none; a long text is never one.
#include "twilio/opt_out.hpp"

#include "base/utf8.hpp"
#include "fuzz/support.hpp"

#include <string>

using namespace pgcourier;
using namespace pgcourier::twilio;
using fuzz::require;

namespace {

std::string with_other_case(std::string_view text) {
    std::string out{text};
    for (char& c : out) {
        if (c >= 'a' && c <= 'z')
            c = static_cast<char>(c - 'a' + 'A');
        else if (c >= 'A' && c <= 'Z')
            c = static_cast<char>(c - 'A' + 'a');
    }
    return out;
}

/// é, É, è, ê, î… as a letter and a combining mark.
std::string decomposed(std::string_view text) {
    constexpr std::pair<std::string_view, std::string_view> kParts[] = {
        {"\u00E9", "e\u0301"}, {"\u00C9", "E\u0301"}, {"\u00E8", "e\u0300"}, {"\u00C8", "E\u0300"},
        {"\u00EA", "e\u0302"}, {"\u00CA", "E\u0302"}, {"\u00EE", "i\u0302"}, {"\u00CE", "I\u0302"}};
    std::string out;
    while (!text.empty()) {
        bool is_found = false;
        for (const auto& [one, two] : kParts) {
            if (!text.starts_with(one)) continue;
            out += two;
            text.remove_prefix(one.size());
            is_found = true;
            break;
        }
        if (is_found) continue;
        out += text.front();
        text.remove_prefix(1);
    }
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text{fuzz::Input{data, size}.rest()};
    const OptWord word = opt_word(text);
    require(word == OptWord::none || word == OptWord::stop || word == OptWord::start,
            "a word is one of three");

    require(opt_word(" \n\u00A0\u200B" + text) == word, "space before changes nothing");
    // So short that what is added does not make it too long.
    if (word != OptWord::none && text.size() <= 80) {
        require(opt_word(text + " \t\u3000") == word, "space behind changes nothing");
        require(opt_word(text + " !") == word, "punctuation behind changes nothing");
        require(opt_word(text + ", s'il vous pla\u00EEt, merci.") == word,
                "a courtesy behind changes nothing");
        require(opt_word("a " + text) == OptWord::none, "a word before makes it none");
        require(opt_word(text + " demain") == OptWord::none, "a word behind makes it none");
        require(opt_word("." + text) == OptWord::none, "punctuation before makes it none");
        std::string many = text;
        for (int i = 0; i < 40; ++i) many += " merci";
        require(opt_word(many) == OptWord::none, "a long text is none");
    }
    require(opt_word(with_other_case(text)) == word, "the other case changes nothing");
    if (fuzz::is_utf8(text))
        require(opt_word(decomposed(text)) == word, "decomposed accents change nothing");

    // What the reader of UTF-8 takes is never nothing and never more than there is.
    for (std::string_view rest = text; !rest.empty();) {
        const CodePoint c = first_code_point(rest);
        require(c.bytes >= 1 && c.bytes <= 4 && c.bytes <= rest.size(),
                "a character has 1 to 4 bytes");
        require(c.is_valid == fuzz::is_utf8(rest.substr(0, c.bytes)), "valid is what is UTF-8");
        rest.remove_prefix(c.bytes);
    }
    return 0;
}
