#include "bridge/term_print.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstdint>
#include <string>
#include <utility>

#include "bridge/byte_cursor.h"
#include "bridge/etf.h"
#include "bridge/utf8.h"

namespace lookout {
namespace {

struct Range {
  char32_t first;
  char32_t last;
};

// Characters that a terminal does not show, or that reorder the text around them: the controls
// (Cc), the separators of lines and paragraphs, the annotations of U+FFF9, the embeddings of
// U+202A, and what has the property Default_Ignorable_Code_Point in Unicode 15,
// DerivedCoreProperties.txt.
constexpr std::array kInvisible = {
    Range{0x00, 0x1F},       Range{0x7F, 0x9F},       Range{0xAD, 0xAD},
    Range{0x34F, 0x34F},     Range{0x61C, 0x61C},     Range{0x115F, 0x1160},
    Range{0x17B4, 0x17B5},   Range{0x180B, 0x180F},   Range{0x200B, 0x200F},
    Range{0x2028, 0x202E},   Range{0x2060, 0x206F},   Range{0x3164, 0x3164},
    Range{0xFE00, 0xFE0F},   Range{0xFEFF, 0xFEFF},   Range{0xFFA0, 0xFFA0},
    Range{0xFFF0, 0xFFFB},   Range{0x1BCA0, 0x1BCA3}, Range{0x1D173, 0x1D17A},
    Range{0xE0000, 0xE0FFF},
};

bool is_visible(char32_t c) {
  return std::none_of(kInvisible.begin(), kInvisible.end(),
                      [c](const Range& range) { return range.first <= c && c <= range.last; });
}

std::string escaped_byte(char c) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  const auto byte = static_cast<unsigned char>(c);
  return {'\\', 'x', kDigits[byte >> 4U], kDigits[byte & 0x0FU]};
}

// check_term() bounds the depth of the recursion, and the output size bounds its breadth.
class Printer {
 public:
  Printer(std::string_view bytes, std::size_t max_size, Contents contents = Contents::shown)
      : cursor_(bytes), max_size_(max_size), contents_(contents) {}

  std::string run() {
    term();
    return std::move(out_);
  }

  std::string run_binary(std::string_view bytes) {
    quoted(bytes);
    return std::move(out_);
  }

 private:
  bool full() const { return out_.size() >= max_size_; }

  void term() {
    const std::uint32_t tag = number(1);
    switch (tag) {
      case etf::kSmallInteger:
        out_ += std::to_string(number(1));
        return;
      case etf::kInteger:
        out_ += std::to_string(std::bit_cast<std::int32_t>(number(4)));
        return;
      case etf::kNewFloat:
        return real();
      case etf::kNil:
        out_ += "[]";
        return;
      case etf::kString:
        return charlist(take(number(2)));
      case etf::kBinary:
        return binary(take(number(4)));
      case etf::kBitBinary:
        take(number(4) + 1);
        out_ += "a bitstring";
        return;
      case etf::kSmallBig:
        return big();
      case etf::kAtom:
        return atom(from_latin1(take(number(2))));
      case etf::kSmallAtom:
        return atom(from_latin1(take(number(1))));
      case etf::kAtomUtf8:
        return atom(take(number(2)));
      case etf::kSmallAtomUtf8:
        return atom(take(number(1)));
      case etf::kSmallTuple:
        return sequence('{', number(1), '}');
      case etf::kLargeTuple:
        return sequence('{', number(4), '}');
      case etf::kList:
        return list();
      case etf::kMap:
        return map();
      default:
        out_ += "?";
    }
  }

  // If the text is long enough, appends an ellipsis and returns true; all callers then return.
  bool cut() {
    if (!full()) return false;
    if (!out_.ends_with("...")) out_ += "...";
    return true;
  }

  void separate(std::uint32_t index) {
    if (index > 0) out_ += ", ";
  }

  void element(bool hide_integer) {
    if (!hide_integer || !is_integer(peek())) return term();
    number(number(1) == etf::kInteger ? 4 : 1);
    out_ += '_';
  }

  bool elements(std::uint32_t count, bool hide_integers = false) {
    for (std::uint32_t i = 0; i < count; ++i) {
      separate(i);
      if (cut()) return false;
      element(hide_integers);
    }
    return !cut();
  }

  static bool is_integer(std::uint32_t tag) {
    return tag == etf::kSmallInteger || tag == etf::kInteger;
  }

  void sequence(char open, std::uint32_t count, char close) {
    out_ += open;
    if (elements(count)) out_ += close;
  }

  void list() {
    const std::uint32_t count = number(4);
    out_ += '[';
    if (!elements(count, hidden())) return;
    if (peek() == etf::kNil) {
      number(1);
    } else {
      out_ += " | ";
      element(hidden());
      if (cut()) return;
    }
    out_ += ']';
  }

  bool hidden() const { return contents_ == Contents::hidden; }

  void binary(std::string_view bytes) {
    if (!hidden()) return quoted(bytes);
    out_ += "a binary of " + std::to_string(bytes.size()) + " bytes";
  }

  void charlist(std::string_view bytes) {
    if (hidden()) {
      out_ += "a list of " + std::to_string(bytes.size()) + " integers";
      return;
    }
    out_ += '[';
    for (std::uint32_t i = 0; i < bytes.size(); ++i) {
      separate(i);
      if (cut()) return;
      out_ += std::to_string(static_cast<unsigned char>(bytes[i]));
    }
    out_ += ']';
  }

  void map() {
    const std::uint32_t pairs = number(4);
    out_ += "%{";
    for (std::uint32_t i = 0; i < pairs; ++i) {
      separate(i);
      if (cut()) return;
      term();
      if (cut()) return;
      out_ += " => ";
      term();
    }
    if (!cut()) out_ += '}';
  }

  void real() {
    const std::uint64_t high = number(4);
    const double value = std::bit_cast<double>((high << 32U) | number(4));
    std::array<char, 32> digits{};  // the shortest that give this value again
    const auto end = std::to_chars(digits.begin(), digits.end(), value).ptr;
    std::string text(digits.begin(), end);
    if (text.find_first_of(".n") == std::string::npos)
      text.insert(std::min(text.find('e'), text.size()), ".0");
    out_ += text;
  }

  void big() {
    const std::uint32_t size = number(1);
    if (number(1) == 1) out_ += '-';
    const std::string_view digits = take(size);
    if (digits.size() > 8) {
      out_ += "an integer of " + std::to_string(size) + " bytes";
      return;
    }
    std::uint64_t value = 0;
    for (auto c = digits.rbegin(); c != digits.rend(); ++c) {
      value = (value << 8U) | static_cast<unsigned char>(*c);
    }
    out_ += std::to_string(value);
  }

  void atom(std::string_view name) {
    const auto is_word = [](unsigned char c) {
      return c == '_' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    };
    if (name == "nil" || name == "true" || name == "false") {
      out_ += name;
      return;
    }
    out_ += ':';
    const bool plain = !name.empty() && !(name[0] >= '0' && name[0] <= '9') &&
                       std::all_of(name.begin(), name.end(), is_word);
    if (!plain) return quoted(name);
    const std::size_t room = full() ? 0 : max_size_ - out_.size();
    out_ += name.substr(0, room);
    if (name.size() > room) cut();
  }

  void quoted(std::string_view text) {
    out_ += '"';
    while (!text.empty()) {
      if (cut()) return;
      const Utf8Char c = first_utf8_char(text);
      const std::size_t size = std::max<std::size_t>(c.length, 1);
      one_char(c, text.substr(0, size));
      text.remove_prefix(size);
    }
    out_ += '"';
  }

  void one_char(const Utf8Char& c, std::string_view bytes) {
    if (bytes == "\"" || bytes == "\\") {
      out_ += '\\';
      out_ += bytes;
    } else if (bytes == "\n") {
      out_ += "\\n";
    } else if (c.length > 0 && is_visible(c.code_point)) {
      out_ += bytes;
    } else {
      for (const char byte : bytes) out_ += escaped_byte(byte);
    }
  }

  static std::string from_latin1(std::string_view text) {
    std::string utf8;
    for (const char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte < 0x80) {
        utf8 += c;
      } else {
        utf8 += static_cast<char>(0xC0U | (byte >> 6U));
        utf8 += static_cast<char>(0x80U | (byte & 0x3FU));
      }
    }
    return utf8;
  }

  std::uint32_t number(std::size_t width) { return cursor_.number(width).value_or(0); }
  std::string_view take(std::size_t size) { return cursor_.take(size).value_or(""); }
  std::uint32_t peek() const { return ByteCursor(cursor_).number(1).value_or(0); }

  ByteCursor cursor_;
  std::size_t max_size_;
  Contents contents_;
  std::string out_;
};

}  // namespace

std::string print_term(std::string_view bytes, std::size_t max_size) {
  return Printer(bytes, max_size).run();
}

std::string print_term(std::string_view bytes, Contents contents) {
  return Printer(bytes, kMaxPrinted, contents).run();
}

std::string print_binary(std::string_view bytes, std::size_t max_size) {
  return Printer("", max_size).run_binary(bytes);
}

}  // namespace lookout
