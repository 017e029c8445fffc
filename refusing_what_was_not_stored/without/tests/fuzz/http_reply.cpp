// What the server answers: whatever stands in a field, no value begins a field of its own or ends
// the head, and the body is as long as Content-Length says. Lines: status, content type, field
// name, field value, flags; then the body.
#include "fuzz/support.hpp"
#include "http/reply_text.hpp"

#include <string>

using namespace pgcourier::http;
using pgcourier::fuzz::Input;
using pgcourier::fuzz::require;
using pgcourier::fuzz::small_number;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input{data, size};
    const int status = 100 + small_number(input.line()) % 500;
    const std::string_view all = input.rest();
    const std::string type{input.line()};
    const std::string name{input.line()};
    const std::string_view flags = input.line();
    const std::string body{input.rest()};

    Response response{.status = status, .content_type = type, .body = body};
    response.headers.emplace_back(name, all);  // line feeds and all
    response.headers.emplace_back("X-Second", name);
    const ReplyForm form{.without_body = flags.find('h') != std::string_view::npos,
                         .keeps_alive = flags.find('k') != std::string_view::npos,
                         .is_http10 = flags.find('0') != std::string_view::npos,
                         .date = "Sun, 06 Nov 1994 08:49:37 GMT"};
    std::string out = "before";
    append_reply(out, response, form);
    require(out.starts_with("beforeHTTP/1.1 " + std::to_string(status) + " "),
            "an answer is appended");

    const std::size_t end = out.find("\r\n\r\n");
    require(end != std::string::npos, "the head ends");
    const std::string head = out.substr(0, end + 2);
    std::size_t lines = 0;
    for (std::size_t i = 0; i < head.size(); ++i) {
        require(head[i] != '\n' || head[i - 1] == '\r', "a line feed follows a carriage return");
        require(head[i] != '\0', "no zero byte");
        lines += head[i] == '\n' ? 1 : 0;
    }
    const bool has_body = status != 204 && status != 304 && status / 100 != 1;
    const std::size_t connection = !form.keeps_alive || form.is_http10 ? 1 : 0;
    require(lines == 4 + (type.empty() ? 0U : 1U) + connection + (has_body ? 1U : 0U),
            "there are as many fields as were given");
    const std::string_view rest = std::string_view{out}.substr(end + 4);
    if (has_body)
        require(head.find("Content-Length: " + std::to_string(body.size()) + "\r\n") !=
                    std::string::npos,
                "the length is told");
    require(rest == (has_body && !form.without_body ? std::string_view{body} : std::string_view{}),
            "the body follows as it is");
    require(!reason_phrase(status).empty(), "a status has words");
    require(http_date(status * 1000003LL).size() == 29, "a date has 29 characters");
    return 0;
}
