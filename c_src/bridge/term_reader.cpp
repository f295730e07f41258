#include "bridge/term_reader.h"

#include <ei.h>

#include <array>

#include "bridge/ei_library.h"
#include "bridge/etf.h"

namespace lookout {
namespace {

// ei returns an atom without its length, so an atom with a NUL byte would be read as its prefix.
bool atom_holds_nul(std::string_view atom) {
  const auto tag = static_cast<std::uint8_t>(atom.front());
  const bool is_short = tag == etf::kSmallAtom || tag == etf::kSmallAtomUtf8;
  return atom.substr(is_short ? 2 : 3).find('\0') != std::string_view::npos;
}

}  // namespace

TermReader::TermReader(std::string_view checked) : bytes_(checked) {
  ensure_ei();
  int version = 0;
  ei_decode_version(bytes_.data(), &index_, &version);
}

std::optional<int> TermReader::tuple() {
  int arity = 0;
  if (ei_decode_tuple_header(bytes_.data(), &index_, &arity) != 0) return std::nullopt;
  return arity;
}

std::optional<int> TermReader::list() {
  int arity = 0;
  if (ei_decode_list_header(bytes_.data(), &index_, &arity) != 0) return std::nullopt;
  return arity;
}

std::optional<std::string> TermReader::small_integers() {
  int type = 0;
  int size = 0;
  if (ei_get_type(bytes_.data(), &index_, &type, &size) != 0 || type != ERL_STRING_EXT) {
    return std::nullopt;
  }
  std::string integers(static_cast<std::size_t>(size) + 1, '\0');  // ei appends a NUL
  if (ei_decode_string(bytes_.data(), &index_, integers.data()) != 0) return std::nullopt;
  integers.pop_back();
  return integers;
}

bool TermReader::empty_list() {
  int type = 0;
  int size = 0;
  if (ei_get_type(bytes_.data(), &index_, &type, &size) != 0 || type != ERL_NIL_EXT) return false;
  return ei_decode_list_header(bytes_.data(), &index_, &size) == 0;
}

std::optional<std::string> TermReader::atom() {
  std::array<char, MAXATOMLEN_UTF8> text{};
  erlang_char_encoding encoding{};
  int index = index_;
  if (ei_decode_atom_as(bytes_.data(), &index, text.data(), static_cast<int>(text.size()),
                        ERLANG_UTF8, &encoding, nullptr) != 0) {
    return std::nullopt;
  }
  if (atom_holds_nul(rest().substr(0, static_cast<std::size_t>(index - index_))))
    return std::nullopt;
  index_ = index;
  return std::string(text.data());
}

std::optional<std::string> TermReader::binary() {
  int type = 0;
  int size = 0;
  if (ei_get_type(bytes_.data(), &index_, &type, &size) != 0 || type != ERL_BINARY_EXT) {
    return std::nullopt;
  }
  std::string value(static_cast<std::size_t>(size), '\0');
  long length = 0;
  if (ei_decode_binary(bytes_.data(), &index_, value.data(), &length) != 0) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> TermReader::natural() {
  const int before = index_;
  const auto value = integer();
  if (value && *value >= 0) return static_cast<std::uint64_t>(*value);
  index_ = before;
  return std::nullopt;
}

std::optional<std::int64_t> TermReader::integer() {
  int index = index_;
  EI_LONGLONG value = 0;
  if (ei_decode_longlong(bytes_.data(), &index, &value) != 0) return std::nullopt;
  index_ = index;
  return value;
}

}  // namespace lookout
