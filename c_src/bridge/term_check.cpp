#include "bridge/term_check.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "bridge/byte_cursor.h"
#include "bridge/etf.h"
#include "bridge/utf8.h"

namespace lookout {
namespace {

constexpr std::size_t kMaxAtomChars = 255;

using Children = std::uint64_t;

Error bad_term(std::size_t position, const std::string& what) {
  return Error{"bad_term", "decode", "", what + " at byte " + std::to_string(position)};
}

class Checker {
 public:
  explicit Checker(std::string_view bytes) : cursor_(bytes) {}

  Result<Done> run() {
    const auto version = cursor_.number(1);
    if (!version) return bad_term(0, "expected a term, got nothing");
    if (*version != etf::kVersion) {
      return bad_term(0, "expected the version byte 131, got " + std::to_string(*version));
    }
    open_[0] = 1;
    while (true) {
      while (open_[depth_] == 0) {
        if (depth_ == 0) return end();
        --depth_;
      }
      --open_[depth_];
      const Result<Children> children = one_term();
      if (const auto* error = std::get_if<Error>(&children)) return *error;
      if (const auto error = descend(std::get<Children>(children))) return *error;
    }
  }

 private:
  Result<Done> end() {
    if (cursor_.left() == 0) return Done{};
    return bad_term(cursor_.position(),
                    "expected the end, got " + std::to_string(cursor_.left()) + " bytes more");
  }

  std::optional<Error> descend(Children children) {
    if (children == 0) return std::nullopt;
    if (children > cursor_.left()) {  // an element takes at least a byte
      return bad_term(start_, "expected " + std::to_string(children) + " elements, got " +
                                  std::to_string(cursor_.left()) + " bytes for them");
    }
    if (children > elements_left_) {
      return bad_term(start_, "expected at most " + std::to_string(kMaxTermElements) +
                                  " elements in all, got more");
    }
    if (depth_ == kMaxTermDepth) {
      return bad_term(start_, "expected at most " + std::to_string(kMaxTermDepth) +
                                  " levels of nesting, got more");
    }
    elements_left_ -= children;
    open_[++depth_] = children;
    return std::nullopt;
  }

  // Skips a tag and its data. Returns the number of terms that must follow inside of it.
  Result<Children> one_term() {
    start_ = cursor_.position();
    const auto tag = cursor_.number(1);
    if (!tag) return bad_term(start_, "expected another term, got the end");
    switch (*tag) {
      case etf::kSmallInteger:
        return bytes(1);
      case etf::kInteger:
        return bytes(4);
      case etf::kNewFloat:
        return bytes(8);
      case etf::kNil:
        return bytes(0);
      case etf::kString:
        return counted_bytes(2);
      case etf::kBinary:
        return counted_bytes(4);
      case etf::kBitBinary:
        return bit_binary();
      case etf::kSmallBig:
        return small_big();
      case etf::kAtom:
        return latin1_atom(2);
      case etf::kSmallAtom:
        return latin1_atom(1);
      case etf::kAtomUtf8:
        return utf8_atom(2);
      case etf::kSmallAtomUtf8:
        return utf8_atom(1);
      case etf::kSmallTuple:
        return container(1, 1, 0);
      case etf::kLargeTuple:
        return container(4, 1, 0);
      case etf::kList:
        return list();
      case etf::kMap:
        return container(4, 2, 0);
      default:
        return bad_term(start_, "expected a plain term, got " +
                                    etf::describe_tag(static_cast<std::uint8_t>(*tag)));
    }
  }

  Error cut_off() const {
    return bad_term(start_, "expected a whole term, got one that is cut off");
  }

  Result<Children> bytes(std::size_t size) {
    if (!cursor_.take(size)) return cut_off();
    return Children{0};
  }

  Result<Children> counted_bytes(std::size_t width) {
    const auto size = cursor_.number(width);
    if (!size) return cut_off();
    return bytes(*size);
  }

  Result<Children> bit_binary() {
    const auto size = cursor_.number(4);
    const auto bits = cursor_.number(1);
    if (!size || !bits) return cut_off();
    if (*bits < 1 || *bits > 8 || *size == 0) {
      return bad_term(start_, "expected a bitstring with 1 to 8 bits in its last byte, got " +
                                  std::to_string(*bits) + " bits and " + std::to_string(*size) +
                                  " bytes");
    }
    return bytes(*size);
  }

  Result<Children> small_big() {
    const auto size = cursor_.number(1);
    const auto sign = cursor_.number(1);
    if (!size || !sign) return cut_off();
    if (*sign > 1) {
      return bad_term(start_, "expected an integer with the sign 0 or 1, got the sign " +
                                  std::to_string(*sign));
    }
    return bytes(*size);
  }

  Result<Children> latin1_atom(std::size_t width) {
    const auto size = cursor_.number(width);
    if (!size) return cut_off();
    if (*size > kMaxAtomChars) return long_atom(*size);
    return bytes(*size);
  }

  Result<Children> utf8_atom(std::size_t width) {
    const auto size = cursor_.number(width);
    if (!size) return cut_off();
    auto text = cursor_.take(*size);
    if (!text) return cut_off();
    std::size_t chars = 0;
    while (!text->empty()) {
      const Utf8Char next = first_utf8_char(*text);
      if (next.length == 0) {
        return bad_term(start_, "expected an atom in UTF-8, got one with other bytes");
      }
      text->remove_prefix(next.length);
      if (++chars > kMaxAtomChars) return long_atom(*size);
    }
    return Children{0};
  }

  Error long_atom(std::size_t size) const {
    return bad_term(start_, "expected an atom of at most 255 characters, got one of " +
                                std::to_string(size) + " bytes");
  }

  Result<Children> container(std::size_t width, Children factor, Children extra) {
    const auto arity = cursor_.number(width);
    if (!arity) return cut_off();
    return *arity * factor + extra;
  }

  // The tail counts as an element. It may be any term, which makes the list improper.
  Result<Children> list() {
    Result<Children> children = container(4, 1, 1);
    const auto* count = std::get_if<Children>(&children);
    if (count != nullptr && *count == 1) {
      return bad_term(start_, "expected a list header with elements, got one with none");
    }
    return children;
  }

  ByteCursor cursor_;
  std::size_t start_ = 0;  // start of the current term
  std::size_t elements_left_ = kMaxTermElements;
  std::size_t depth_ = 0;
  std::array<Children, kMaxTermDepth + 1> open_{};  // missing terms by nesting level
};

}  // namespace

Result<Done> check_term(std::string_view bytes) {
  return Checker(bytes).run();
}

}  // namespace lookout
