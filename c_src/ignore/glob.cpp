#include "ignore/glob.h"

#include <algorithm>
#include <bit>

namespace lookout {
namespace {

constexpr std::size_t kBits = 64;

// The classes as git knows them: ASCII alone, and no vertical tab or form feed among the spaces
// (git's ctype.c).
bool is_in_class(std::string_view name, unsigned c) {
  const bool upper = c >= 'A' && c <= 'Z';
  const bool lower = c >= 'a' && c <= 'z';
  const bool digit = c >= '0' && c <= '9';
  const bool graph = c > ' ' && c < 0x7f;
  if (name == "alnum") return upper || lower || digit;
  if (name == "alpha") return upper || lower;
  if (name == "blank") return c == ' ' || c == '\t';
  if (name == "cntrl") return c < ' ' || c == 0x7f;
  if (name == "digit") return digit;
  if (name == "graph") return graph;
  if (name == "lower") return lower;
  if (name == "print") return graph || c == ' ';
  if (name == "punct") return graph && !upper && !lower && !digit;
  if (name == "space") return c == ' ' || c == '\t' || c == '\n' || c == '\r';
  if (name == "upper") return upper;
  return digit || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f');  // xdigit
}

bool is_class(std::string_view name) {
  constexpr std::string_view kClasses[] = {"alnum", "alpha", "blank", "cntrl", "digit", "graph",
                                           "lower", "print", "punct", "space", "upper", "xdigit"};
  return std::find(std::begin(kClasses), std::end(kClasses), name) != std::end(kClasses);
}

}  // namespace

bool Glob::State::none() const {
  return first_ == 0 &&
         std::all_of(more_.begin(), more_.end(), [](std::uint64_t word) { return word == 0; });
}

void Glob::State::add(std::size_t position) {
  const std::uint64_t bit = std::uint64_t{1} << (position % kBits);
  if (position < kBits) {
    first_ |= bit;
  } else {
    more_[position / kBits - 1] |= bit;
  }
}

// Calls f(position) for the positions in ascending order, those included that f itself adds.
template <class F>
void Glob::for_each(const State& state, F f) const {
  for (std::size_t word = 0; word <= state.more_.size(); ++word) {
    const std::uint64_t& bits = word == 0 ? state.first_ : state.more_[word - 1];
    std::uint64_t later = ~std::uint64_t{0};
    while ((bits & later) != 0) {
      const auto bit = static_cast<unsigned>(std::countr_zero(bits & later));
      later = bit + 1 == kBits ? 0 : ~std::uint64_t{0} << (bit + 1);
      f(word * kBits + bit);
    }
  }
}

Glob::Glob(std::string_view prefix, std::string_view pattern) {
  using Kind = Token::Kind;
  for (const char c : prefix) tokens_.push_back({Kind::byte, static_cast<unsigned char>(c)});
  for (std::size_t at = 0; at < pattern.size();) {
    switch (pattern[at]) {
      case '\\':
        if (at + 1 == pattern.size()) {
          tokens_.push_back({Kind::never});
        } else {
          tokens_.push_back({Kind::byte, static_cast<unsigned char>(pattern[at + 1])});
        }
        at += 2;
        break;
      case '?':
        tokens_.push_back({Kind::any});
        ++at;
        break;
      case '*':
        at = add_stars(pattern, at);
        break;
      case '[':
        at = add_set(pattern, at);
        break;
      default:
        tokens_.push_back({Kind::byte, static_cast<unsigned char>(pattern[at])});
        ++at;
    }
  }
}

// One star or several that begin at `at`; returns where they end.
std::size_t Glob::add_stars(std::string_view pattern, std::size_t at) {
  using Kind = Token::Kind;
  const std::size_t end = std::min(pattern.find_first_not_of('*', at), pattern.size());
  const std::string_view rest = pattern.substr(end);
  const bool whole = (at == 0 || pattern[at - 1] == '/') &&
                     (rest.empty() || rest.starts_with('/') || rest.starts_with("\\/"));
  if (end - at == 1 || !whole) {
    tokens_.push_back({Kind::star});
  } else {
    if (rest.starts_with('/')) tokens_.push_back({Kind::skip});
    tokens_.push_back({Kind::globstar});
  }
  return end;
}

// The bracket that opens at `at`; returns where what follows it begins.
std::size_t Glob::add_set(std::string_view pattern, std::size_t at) {
  using Kind = Token::Kind;
  const std::size_t never = pattern.size();
  const auto refuse = [&] {
    tokens_.push_back({Kind::never});
    return never;
  };
  const auto byte_at = [&](std::size_t i) { return static_cast<unsigned char>(pattern[i]); };

  ++at;
  const bool negated = at < never && (pattern[at] == '!' || pattern[at] == '^');
  if (negated) ++at;
  Bytes bytes;
  unsigned previous = 0;  // what a range may begin with; 0 for none
  for (bool first = true;; first = false) {
    if (at >= never) return refuse();
    unsigned char c = byte_at(at);
    if (c == ']' && !first) break;
    if (c == '-' && previous != 0 && at + 1 < never && pattern[at + 1] != ']') {
      ++at;
      if (pattern[at] == '\\' && ++at >= never) return refuse();
      for (unsigned member = previous; member <= byte_at(at); ++member) bytes.set(member);
      previous = 0;
      ++at;
      continue;
    }
    if (c == '[' && at + 1 < never && pattern[at + 1] == ':') {
      const std::size_t close = pattern.find(']', at + 2);
      if (close == std::string_view::npos) return refuse();
      if (close > at + 2 && pattern[close - 1] == ':') {
        const std::string_view name = pattern.substr(at + 2, close - at - 3);
        if (!is_class(name)) return refuse();
        for (unsigned member = 0; member < bytes.size(); ++member) {
          if (is_in_class(name, member)) bytes.set(member);
        }
        previous = 0;
        at = close + 1;
        continue;
      }
    }
    if (c == '\\') {
      if (++at >= never) return refuse();
      c = byte_at(at);
    }
    bytes.set(c);
    previous = c;
    ++at;
  }
  if (negated) bytes.flip();
  bytes.reset('/');
  tokens_.push_back({Kind::set, 0, static_cast<std::uint32_t>(sets_.size())});
  sets_.push_back(bytes);
  return at + 1;
}

Glob::State Glob::start() const {
  State state;
  state.more_.resize(tokens_.size() / kBits);
  state.add(0);
  close(state);
  return state;
}

// Adds what is reached without a byte.
void Glob::close(State& state) const {
  for_each(state, [&](std::size_t position) {
    if (position == tokens_.size()) return;
    const Token::Kind kind = tokens_[position].kind;
    if (kind == Token::Kind::skip) state.add(position + 3);
    if (kind == Token::Kind::skip || kind == Token::Kind::star || kind == Token::Kind::globstar) {
      state.add(position + 1);
    }
  });
}

bool Glob::advance(State& state, std::string_view text) const {
  State next;
  for (const char character : text) {
    const auto c = static_cast<unsigned char>(character);
    next.first_ = 0;
    next.more_.assign(state.more_.size(), 0);
    for_each(state, [&](std::size_t position) {
      if (position == tokens_.size()) return;
      const Token& token = tokens_[position];
      switch (token.kind) {
        case Token::Kind::byte:
          if (token.byte == c) next.add(position + 1);
          break;
        case Token::Kind::any:
          if (c != '/') next.add(position + 1);
          break;
        case Token::Kind::set:
          if (sets_[token.set].test(c)) next.add(position + 1);
          break;
        case Token::Kind::star:
          if (c != '/') next.add(position);
          break;
        case Token::Kind::globstar:
          next.add(position);
          break;
        case Token::Kind::skip:
        case Token::Kind::never:
          break;
      }
    });
    close(next);
    std::swap(state, next);
    if (state.none()) return false;
  }
  return !state.none();
}

bool Glob::accepts(const State& state) const {
  const std::size_t end = tokens_.size();
  const std::uint64_t word = end < kBits ? state.first_ : state.more_[end / kBits - 1];
  return ((word >> (end % kBits)) & 1) != 0;
}

bool Glob::matches(std::string_view text) const {
  State state = start();
  return advance(state, text) && accepts(state);
}

}  // namespace lookout
