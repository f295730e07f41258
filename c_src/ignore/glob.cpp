#include "ignore/glob.h"

#include <algorithm>
#include <array>

namespace lookout {
namespace {

constexpr unsigned kBits = 64;

// Character classes as git defines them: ASCII only, and [:space:] contains neither vertical tab
// nor form feed (git's ctype.c).
struct Class {
  std::string_view name;
  std::string_view ranges;  // the first and the last byte of each range
};
constexpr Class kClasses[] = {
    {"alnum", "09AZaz"},   {"alpha", "AZaz"},
    {"blank", "\t\t  "},   {"cntrl", std::string_view("\0\x1f\x7f\x7f", 4)},
    {"digit", "09"},       {"graph", "!~"},
    {"lower", "az"},       {"print", " ~"},
    {"punct", "!/:@[`{~"}, {"space", "\t\n\r\r  "},
    {"upper", "AZ"},       {"xdigit", "09AFaf"}};

// A set of bytes: 256 bits, in which setting a range takes at most four operations.
class Bytes {
 public:
  void set(unsigned first, unsigned last) {
    for (unsigned word = first / kBits; word <= last / kBits && first <= last; ++word) {
      const unsigned begin = std::max<unsigned>(first, word * kBits) % kBits;
      const unsigned end = std::min<unsigned>(last, word * kBits + kBits - 1) % kBits;
      words_[word] |= ~std::uint64_t{0} << begin & ~std::uint64_t{0} >> (kBits - 1 - end);
    }
  }
  void reset(unsigned byte) { words_[byte / kBits] &= ~(std::uint64_t{1} << (byte % kBits)); }
  void flip() {
    for (std::uint64_t& word : words_) word = ~word;
  }
  bool test(unsigned byte) const { return ((words_[byte / kBits] >> (byte % kBits)) & 1) != 0; }

 private:
  std::array<std::uint64_t, 4> words_{};
};

// Returns false if the class does not exist.
bool add_class(std::string_view name, Bytes& bytes) {
  const auto* const found = std::find_if(std::begin(kClasses), std::end(kClasses),
                                         [&](const Class& known) { return known.name == name; });
  if (found == std::end(kClasses)) return false;
  for (std::size_t at = 0; at < found->ranges.size(); at += 2) {
    bytes.set(static_cast<unsigned char>(found->ranges[at]),
              static_cast<unsigned char>(found->ranges[at + 1]));
  }
  return true;
}

// Partitions bytes into classes that the pattern does not distinguish. Class 0 contains all bytes
// that it does not name.
class ByteClasses {
 public:
  ByteClasses() { size_[0] = kBytes; }

  // Separates the classes of the bytes in `bytes` from the classes of all others.
  void split(const Bytes& bytes) {
    std::array<std::uint16_t, kBytes> within{};
    for (unsigned byte = 0; byte < kBytes; ++byte) {
      if (bytes.test(byte)) ++within[of_[byte]];
    }
    std::array<std::uint8_t, kBytes> becomes{};  // 0: the class stays
    const unsigned known = count_;
    for (unsigned of = 0; of < known; ++of) {
      if (within[of] == 0 || within[of] == size_[of]) continue;
      becomes[of] = static_cast<std::uint8_t>(count_);
      size_[count_++] = within[of];
      size_[of] = static_cast<std::uint16_t>(size_[of] - within[of]);
    }
    for (unsigned byte = 0; byte < kBytes; ++byte) {
      if (bytes.test(byte) && becomes[of_[byte]] != 0) of_[byte] = becomes[of_[byte]];
    }
  }
  void split(unsigned byte) {
    if (size_[of_[byte]] == 1) return;
    --size_[of_[byte]];
    size_[count_] = 1;
    of_[byte] = static_cast<std::uint8_t>(count_++);
  }

  unsigned count() const { return count_; }
  unsigned of(unsigned byte) const { return of_[byte]; }

 private:
  static constexpr unsigned kBytes = 256;
  std::array<std::uint8_t, kBytes> of_{};
  std::array<std::uint16_t, kBytes> size_{};
  unsigned count_ = 1;
};

}  // namespace

// Compiles a pattern to tokens, and the tokens to the planes of a Glob.
class Glob::Compiler {
 public:
  explicit Compiler(std::string_view pattern);
  void compile(Glob& glob) const;

 private:
  struct Token {
    // `skip` leads to the next token and also past the two tokens after it, the `**` and `/` of
    // `**/`.
    enum class Kind : std::uint8_t { byte, any, set, star, globstar, skip, never };
    Kind kind;
    unsigned char byte = 0;
    std::uint32_t set = 0;  // index in sets_
  };

  std::size_t add_stars(std::string_view pattern, std::size_t at);
  std::size_t add_set(std::string_view pattern, std::size_t at);
  bool ends_with_skip() const;
  ByteClasses classes() const;

  std::vector<Token> tokens_;
  std::vector<Bytes> sets_;
};

Glob::Compiler::Compiler(std::string_view pattern) {
  using Kind = Token::Kind;
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

bool Glob::Compiler::ends_with_skip() const {
  return tokens_.size() >= 3 && tokens_[tokens_.size() - 3].kind == Token::Kind::skip;
}

// Handles the run of stars at `at`; returns its end. Invariant: a token that can be passed without
// a byte is followed at most by a star, so `**/**/` compiles like `**/`.
std::size_t Glob::Compiler::add_stars(std::string_view pattern, std::size_t at) {
  using Kind = Token::Kind;
  const std::size_t end = std::min(pattern.find_first_not_of('*', at), pattern.size());
  const std::string_view rest = pattern.substr(end);
  const bool whole = (at == 0 || pattern[at - 1] == '/') &&
                     (rest.empty() || rest.starts_with('/') || rest.starts_with("\\/"));
  if (end - at == 1 || !whole) {
    tokens_.push_back({Kind::star});
    return end;
  }
  if (rest.starts_with('/')) {
    if (ends_with_skip()) return end + 1;
    tokens_.push_back({Kind::skip});
  }
  tokens_.push_back({Kind::globstar});
  return end;
}

// Handles the bracket that opens at `at`; returns the position after it.
std::size_t Glob::Compiler::add_set(std::string_view pattern, std::size_t at) {
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
  unsigned previous = 0;  // start of a possible range; 0: none
  std::size_t close = 0;  // the first `]` after the last `[:`
  for (bool first = true;; first = false) {
    if (at >= never) return refuse();
    unsigned char c = byte_at(at);
    if (c == ']' && !first) break;
    if (c == '-' && previous != 0 && at + 1 < never && pattern[at + 1] != ']') {
      ++at;
      if (pattern[at] == '\\' && ++at >= never) return refuse();
      bytes.set(previous, byte_at(at));
      previous = 0;
      ++at;
      continue;
    }
    if (c == '[' && at + 1 < never && pattern[at + 1] == ':') {
      if (close < at + 2) close = pattern.find(']', at + 2);
      if (close == std::string_view::npos) return refuse();
      if (close > at + 2 && pattern[close - 1] == ':') {
        if (!add_class(pattern.substr(at + 2, close - at - 3), bytes)) return refuse();
        previous = 0;
        at = close + 1;
        continue;
      }
    }
    if (c == '\\') {
      if (++at >= never) return refuse();
      c = byte_at(at);
    }
    bytes.set(c, c);
    previous = c;
    ++at;
  }
  if (negated) bytes.flip();
  bytes.reset('/');
  tokens_.push_back({Kind::set, 0, static_cast<std::uint32_t>(sets_.size())});
  sets_.push_back(bytes);
  return at + 1;
}

ByteClasses Glob::Compiler::classes() const {
  ByteClasses classes;
  for (const Token& token : tokens_) {
    if (token.kind == Token::Kind::byte) classes.split(token.byte);
    if (token.kind == Token::Kind::set) classes.split(sets_[token.set]);
  }
  return classes;
}

void Glob::Compiler::compile(Glob& glob) const {
  if (tokens_.empty()) return;
  const ByteClasses classes = this->classes();
  glob.size_ = tokens_.size();
  const std::size_t words = glob.words();
  for (Plane* plane : {&glob.any_, &glob.star_, &glob.globstar_, &glob.skip_}) plane->resize(words);
  glob.takes_.resize(classes.count() * words);
  std::vector<unsigned> example(classes.count());  // one byte of each class
  for (unsigned byte = 0; byte < 256; ++byte) {
    glob.class_of_ += static_cast<char>(classes.of(byte));
    example[classes.of(byte)] = byte;
  }
  for (std::size_t position = 0; position < tokens_.size(); ++position) {
    const Token& token = tokens_[position];
    const std::size_t word = position / kBits;
    const std::uint64_t bit = std::uint64_t{1} << (position % kBits);
    switch (token.kind) {
      case Token::Kind::byte:
        glob.takes_[classes.of(token.byte) * words + word] |= bit;
        break;
      case Token::Kind::any:
        glob.any_[word] |= bit;
        break;
      case Token::Kind::set:
        for (std::size_t of = 0; of < example.size(); ++of) {
          if (sets_[token.set].test(example[of])) glob.takes_[of * words + word] |= bit;
        }
        break;
      case Token::Kind::star:
        glob.star_[word] |= bit;
        glob.starred_ = true;
        break;
      case Token::Kind::globstar:
        glob.globstar_[word] |= bit;
        glob.starred_ = true;
        break;
      case Token::Kind::skip:
        glob.skip_[word] |= bit;
        break;
      case Token::Kind::never:
        break;
    }
  }
}

namespace {

// Computes the positions reached in one word of a state, and carries bits into the next word. Words
// are processed in ascending order.
class Passage {
 public:
  // Returns the positions after those in `taken`.
  std::uint64_t after(std::uint64_t taken) { return shift(taken, 1, taken_); }
  // Adds the positions that are reached from `word` without a byte.
  std::uint64_t close(std::uint64_t word, std::uint64_t skips, std::uint64_t stars) {
    const std::uint64_t skipping = word & skips;
    std::uint64_t before = skipping_;
    word |= shift(skipping, 1, before) | shift(skipping, 3, skipping_);
    return word | shift(word & stars, 1, staying_);
  }

 private:
  static std::uint64_t shift(std::uint64_t word, unsigned places, std::uint64_t& before) {
    const std::uint64_t shifted = word << places | before >> (kBits - places);
    before = word;
    return shifted;
  }

  std::uint64_t taken_ = 0;  // of the previous word
  std::uint64_t skipping_ = 0;
  std::uint64_t staying_ = 0;
};

}  // namespace

Glob::Glob(std::string_view pattern) {
  Compiler(pattern).compile(*this);
}

std::size_t Glob::longest(std::size_t text) const {
  return starred_ ? text : std::min(text, size_ + 1);
}

Glob::State Glob::start() const {
  State state;
  state.first_ = 1;
  state.more_.resize(words() - 1);
  if (size_ == 0) return state;
  Passage passage;
  for (std::size_t i = 0; i < words(); ++i) {
    state.word(i) = passage.close(state.word(i), skip_[i], star_[i] | globstar_[i]);
  }
  return state;
}

bool Glob::advance(State& state, std::string_view text) const {
  if (size_ == 0) {
    if (!text.empty()) state.first_ = 0;
    return state.first_ != 0;
  }
  const std::size_t words = this->words();
  for (const char byte : text) {
    const std::uint64_t* const takes =
        takes_.data() +
        words * static_cast<unsigned char>(class_of_[static_cast<unsigned char>(byte)]);
    const std::uint64_t in_name = byte == '/' ? 0 : ~std::uint64_t{0};
    Passage passage;
    std::uint64_t reached = 0;
    for (std::size_t i = 0; i < words; ++i) {
      const std::uint64_t word = state.word(i);
      const std::uint64_t stars = star_[i] | globstar_[i];
      const std::uint64_t taken = passage.after(word & (takes[i] | (any_[i] & in_name)));
      const std::uint64_t stayed = word & ((star_[i] & in_name) | globstar_[i]);
      state.word(i) = passage.close(taken | stayed, skip_[i], stars);
      reached |= state.word(i);
    }
    if (reached == 0) return false;
  }
  return true;
}

bool Glob::accepts(const State& state) const {
  const std::uint64_t word = size_ < kBits ? state.first_ : state.more_[size_ / kBits - 1];
  return ((word >> (size_ % kBits)) & 1) != 0;
}

bool Glob::matches(std::string_view text) const {
  State state = start();
  return advance(state, text) && accepts(state);
}

}  // namespace lookout
