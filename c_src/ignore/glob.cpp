#include "ignore/glob.h"

#include <algorithm>
#include <array>

#include "ignore/byte_set.h"

namespace lookout {
namespace {

constexpr unsigned kBits = 64;
constexpr std::size_t kSetWords = 4;     // of a set of bytes
constexpr std::size_t kClassWords = 32;  // of the classes of all bytes

// For each byte and each of its bits, all positions if the bit is not set.
constexpr auto kUnset = [] {
  std::array<std::array<std::uint64_t, 8>, 256> unset{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    for (unsigned bit = 0; bit < 8; ++bit) unset[byte][bit] = std::uint64_t{byte >> bit & 1} - 1;
  }
  return unset;
}();

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
  void add_kind(Glob& glob, std::size_t position) const;
  void add_sets(std::size_t words, std::uint64_t* at) const;
  void add_classes(std::size_t words, const ByteClasses& classes, std::uint64_t* at) const;

  std::vector<Token> tokens_;
  std::vector<ByteSet> sets_;  // each once, unless there are many
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
  ByteSet bytes;
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
  if (bytes.count() == 1) {
    tokens_.push_back({Kind::byte, static_cast<unsigned char>(bytes.lowest())});
  } else {
    // More of them are not stored one by one.
    const bool few = sets_.size() <= kFewSets;
    const auto known = few ? std::find(sets_.begin(), sets_.end(), bytes) : sets_.end();
    tokens_.push_back({Kind::set, 0, static_cast<std::uint32_t>(known - sets_.begin())});
    if (known == sets_.end()) sets_.push_back(bytes);
  }
  return at + 1;
}

void Glob::Compiler::compile(Glob& glob) const {
  if (tokens_.empty()) return;
  glob.size_ = static_cast<std::uint32_t>(tokens_.size());
  glob.sets_ = static_cast<std::uint16_t>(std::min(sets_.size(), kFewSets + 1));
  const std::size_t words = glob.words();
  ByteClasses classes;
  for (const ByteSet& set : sets_) classes.split(set);
  const bool few = sets_.size() <= kFewSets;
  const std::size_t room =
      few ? sets_.size() * (kSetWords + words) : kClassWords + classes.count() * words;
  glob.data_ = std::make_unique<std::uint64_t[]>(kPlanes * words + room);
  for (std::size_t position = 0; position < tokens_.size(); ++position) add_kind(glob, position);
  std::uint64_t* const sets = glob.data_.get() + kPlanes * words;
  if (few) {
    add_sets(words, sets);
  } else {
    add_classes(words, classes, sets);
  }
}

void Glob::Compiler::add_kind(Glob& glob, std::size_t position) const {
  const std::uint64_t bit = std::uint64_t{1} << (position % kBits);
  const auto set = [&](bool one, bool literal, bool star) {
    std::uint64_t* const planes = &glob.data_[position / kBits * kPlanes];
    if (one) planes[0] |= bit;
    if (literal) planes[1] |= bit;
    if (star) planes[2] |= bit;
    for (unsigned i = 0; i < 8; ++i) {
      if ((tokens_[position].byte >> i & 1) != 0) planes[kKinds + i] |= bit;
    }
  };
  switch (tokens_[position].kind) {
    case Token::Kind::byte:
      return set(false, true, false);
    case Token::Kind::any:
      return set(true, false, false);
    case Token::Kind::set:
      return set(true, true, false);
    case Token::Kind::star:
      glob.starred_ = true;
      return set(false, false, true);
    case Token::Kind::globstar:
      glob.starred_ = true;
      return set(false, true, true);
    case Token::Kind::skip:
      return set(true, false, true);
    case Token::Kind::never:
      return;
  }
}

void Glob::Compiler::add_sets(std::size_t words, std::uint64_t* at) const {
  for (std::size_t set = 0; set < sets_.size(); ++set) {
    at = std::copy(sets_[set].words().begin(), sets_[set].words().end(), at);
    for (std::size_t position = 0; position < tokens_.size(); ++position) {
      if (tokens_[position].kind != Token::Kind::set || tokens_[position].set != set) continue;
      at[position / kBits] |= std::uint64_t{1} << (position % kBits);
    }
    at += words;
  }
}

void Glob::Compiler::add_classes(std::size_t words, const ByteClasses& classes,
                                 std::uint64_t* at) const {
  std::vector<unsigned> example(classes.count());  // one byte of each class
  for (unsigned byte = 0; byte < 256; ++byte) {
    const unsigned of = classes.of(byte);
    at[byte / 8] |= std::uint64_t{of} << (byte % 8 * 8);
    example[of] = byte;
  }
  at += kClassWords;
  for (std::size_t position = 0; position < tokens_.size(); ++position) {
    if (tokens_[position].kind != Token::Kind::set) continue;
    const std::uint64_t bit = std::uint64_t{1} << (position % kBits);
    for (std::size_t of = 0; of < example.size(); ++of) {
      const bool takes = sets_[tokens_[position].set].test(example[of]);
      if (takes) at[of * words + position / kBits] |= bit;
    }
  }
}

namespace {

// Computes the positions reached in one word of a state, and carries bits into the next word. Words
// are processed in ascending order.
class Passage {
 public:
  // Whether nothing is carried into the next word.
  bool is_over() const { return (taken_ | skipping_ | staying_) >> (kBits - 3) == 0; }
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

// Returns which positions of a word have this byte: those at which no bit differs.
std::uint64_t Glob::equal(std::size_t word, unsigned char byte) const {
  const std::uint64_t* const planes = data_.get() + kPlanes * word + kKinds;
  const auto& unset = kUnset[byte];
  return (planes[0] ^ unset[0]) & (planes[1] ^ unset[1]) & (planes[2] ^ unset[2]) &
         (planes[3] ^ unset[3]) & (planes[4] ^ unset[4]) & (planes[5] ^ unset[5]) &
         (planes[6] ^ unset[6]) & (planes[7] ^ unset[7]);
}

// Returns which positions of a word have a set that contains this byte.
std::uint64_t Glob::in_sets(std::size_t word, unsigned char byte) const {
  const std::size_t words = this->words();
  const std::uint64_t* sets = data_.get() + kPlanes * words;
  if (sets_ > kFewSets) {
    const std::uint64_t of = sets[byte / 8] >> (byte % 8 * 8) & 0xff;
    return sets[kClassWords + of * words + word];
  }
  std::uint64_t found = 0;
  for (std::size_t i = 0; i < sets_; ++i, sets += kSetWords + words) {
    const std::uint64_t contains = sets[byte / kBits] >> (byte % kBits) & 1;
    found |= sets[kSetWords + word] & (0 - contains);
  }
  return found;
}

std::size_t Glob::longest(std::size_t text) const {
  return starred_ ? text : std::min<std::size_t>(text, size_ + 1);
}

Glob::State Glob::start() const {
  State state;
  state.first_ = 1;
  state.more_.resize(words() - 1);
  if (size_ == 0) return state;
  Passage passage;
  for (std::size_t i = 0; i < words(); ++i) {
    const Kinds at = kinds(i);
    state.word(i) = passage.close(state.word(i), at.skips(), at.stars() | at.globstars());
  }
  return state;
}

bool Glob::advance(State& state, std::string_view text) const {
  if (size_ == 0) {
    if (!text.empty()) state.first_ = 0;
    return state.first_ != 0;
  }
  const std::size_t words = this->words();
  if (words == 1) return advance_word(state.first_, text);
  for (const char each : text) {
    const auto byte = static_cast<unsigned char>(each);
    const std::uint64_t in_name = byte == '/' ? 0 : ~std::uint64_t{0};
    Passage passage;
    std::uint64_t reached = 0;
    for (std::size_t i = 0; i < words; ++i) {
      const std::uint64_t word = state.word(i);
      if (word == 0 && passage.is_over()) continue;
      const Kinds at = kinds(i);
      std::uint64_t takes = word & ((at.any() & in_name) | (at.bytes() & equal(i, byte)));
      if (const auto sets = word & at.sets(); sets != 0) takes |= sets & in_sets(i, byte);
      const std::uint64_t stayed = word & ((at.stars() & in_name) | at.globstars());
      const std::uint64_t next = passage.after(takes) | stayed;
      state.word(i) = passage.close(next, at.skips(), at.stars() | at.globstars());
      reached |= state.word(i);
    }
    if (reached == 0) return false;
  }
  return true;
}

// As advance(), for the one word of a short pattern: what is the same for each byte stays in
// registers.
bool Glob::advance_word(std::uint64_t& state, std::string_view text) const {
  const Kinds at = kinds(0);
  const std::uint64_t any = at.any();
  const std::uint64_t bytes = at.bytes();
  const std::uint64_t sets = at.sets();
  const std::uint64_t stars = at.stars();
  const std::uint64_t globstars = at.globstars();
  const std::uint64_t skips = at.skips();
  std::uint64_t word = state;
  for (const char each : text) {
    const auto byte = static_cast<unsigned char>(each);
    const std::uint64_t in_name = byte == '/' ? 0 : ~std::uint64_t{0};
    std::uint64_t takes = (any & in_name) | (bytes & equal(0, byte));
    if ((word & sets) != 0) takes |= sets & in_sets(0, byte);
    Passage passage;
    const std::uint64_t stayed = word & ((stars & in_name) | globstars);
    word = passage.close(passage.after(word & takes) | stayed, skips, stars | globstars);
    if (word == 0) break;
  }
  state = word;
  return text.empty() || word != 0;
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
