// P7: bytes that pass the check are one whole term to ei as well, and can be printed; others are
// refused with an error that says something.
#include <ei.h>

#include <cstdint>
#include <string_view>

#include "bridge/term_check.h"
#include "bridge/term_print.h"
#include "bridge/utf8.h"
#include "expect.h"

namespace {

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = lookout::first_utf8_char(text).length;
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lookout;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto checked = check_term(bytes);
  if (const auto* error = std::get_if<Error>(&checked)) {
    fuzz::expect(error->reason == "bad_term" && !error->detail.empty(), "a refusal says why");
    return 0;
  }
  int index = 0;
  int version = 0;
  fuzz::expect(ei_decode_version(bytes.data(), &index, &version) == 0, "ei knows the version");
  fuzz::expect(ei_skip_term(bytes.data(), &index) == 0, "ei reads what passed");
  fuzz::expect(static_cast<std::size_t>(index) == size, "ei reads it to its end and no further");
  const std::string text = print_term(bytes.substr(1));
  fuzz::expect(!text.empty() && text.size() < 1000, "what is printed is short");
  fuzz::expect(is_utf8(text), "what is printed is UTF-8");
  return 0;
}
