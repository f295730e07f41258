#include "bridge/utf8.h"

namespace lookout {
namespace {

struct Lead {
  std::size_t length;
  char32_t bits;      // code point bits in the first byte
  char32_t smallest;  // a smaller code point of this length is overlong
};

Lead read_lead(unsigned char byte) {
  if (byte < 0x80) return {1, byte, 0};
  if ((byte & 0xE0U) == 0xC0) return {2, byte & 0x1FU, 0x80};
  if ((byte & 0xF0U) == 0xE0) return {3, byte & 0x0FU, 0x800};
  if ((byte & 0xF8U) == 0xF0) return {4, byte & 0x07U, 0x10000};
  return {0, 0, 0};
}

bool is_scalar(char32_t code_point) {
  return code_point <= 0x10FFFF && (code_point < 0xD800 || code_point > 0xDFFF);
}

}  // namespace

Utf8Char first_utf8_char(std::string_view bytes) {
  if (bytes.empty()) return {};
  const Lead lead = read_lead(static_cast<unsigned char>(bytes.front()));
  if (lead.length == 0 || lead.length > bytes.size()) return {};
  char32_t code_point = lead.bits;
  for (const char c : bytes.substr(1, lead.length - 1)) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xC0U) != 0x80) return {};
    code_point = (code_point << 6U) | (byte & 0x3FU);
  }
  if (code_point < lead.smallest || !is_scalar(code_point)) return {};
  return {code_point, lead.length};
}

}  // namespace lookout
