#include "inject/term.h"

namespace lookout::inject {
namespace {

class Decoder {
 public:
  explicit Decoder(std::string_view bytes) : bytes_(bytes) {}

  Term term() {
    const std::uint64_t tag = number(1);
    switch (tag) {
      case 'a':
        return integer(static_cast<std::int64_t>(number(1)));
      case 'b':
        return integer(static_cast<std::int32_t>(number(4)));
      case 'n':
        return big();
      case 'w':
        return {Term::Kind::atom, 0, text(number(1)), {}};
      case 'm':
        return {Term::Kind::binary, 0, text(number(4)), {}};
      case 'j':
        return {Term::Kind::list, 0, {}, {}};
      case 'l':
        return list();
      case 'k':
        return characters();
      case 'h':
        return {Term::Kind::tuple, 0, {}, terms(number(1))};
      case 't':
        return {Term::Kind::map, 0, {}, terms(2 * number(4))};
      default:
        throw BadTerm("unknown tag " + std::to_string(tag));
    }
  }

  std::uint64_t number(std::size_t width) {
    std::uint64_t value = 0;
    for (const char byte : take(width)) value = value << 8U | static_cast<unsigned char>(byte);
    return value;
  }

  bool at_end() const { return bytes_.empty(); }

 private:
  std::string_view take(std::size_t size) {
    if (size > bytes_.size()) throw BadTerm("a term ends early");
    const std::string_view taken = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return taken;
  }

  std::string text(std::uint64_t size) { return std::string(take(size)); }

  static Term integer(std::int64_t value) { return {Term::Kind::integer, value, {}, {}}; }

  Term big() {
    const std::uint64_t size = number(1);
    const bool negative = number(1) != 0;
    std::uint64_t value = 0;
    const std::string_view digits = take(size);
    for (auto digit = digits.rbegin(); digit != digits.rend(); ++digit) {
      value = value << 8U | static_cast<unsigned char>(*digit);
    }
    return integer(static_cast<std::int64_t>(negative ? 0 - value : value));
  }

  std::vector<Term> terms(std::uint64_t count) {
    std::vector<Term> all;
    for (; count > 0; --count) all.push_back(term());
    return all;
  }

  Term list() {
    Term list{Term::Kind::list, 0, {}, terms(number(4))};
    if (number(1) != 'j') throw BadTerm("an improper list");
    return list;
  }

  Term characters() {
    Term list{Term::Kind::list, 0, {}, {}};
    for (const char byte : take(number(2))) {
      list.parts.push_back(integer(static_cast<unsigned char>(byte)));
    }
    return list;
  }

  std::string_view bytes_;
};

std::string print_all(const std::vector<Term>& terms) {
  std::string all;
  for (const Term& term : terms) all += (all.empty() ? "" : ", ") + print(term);
  return all;
}

}  // namespace

Term decode(std::string_view payload) {
  Decoder decoder(payload);
  if (decoder.number(1) != 131) throw BadTerm("no version byte");
  Term term = decoder.term();
  if (!decoder.at_end()) throw BadTerm("bytes after a term");
  return term;
}

std::string print(const Term& term) {
  switch (term.kind) {
    case Term::Kind::atom:
      return ":" + term.text;
    case Term::Kind::integer:
      return std::to_string(term.number);
    case Term::Kind::binary:
      return "\"" + term.text + "\"";
    case Term::Kind::list:
      return "[" + print_all(term.parts) + "]";
    case Term::Kind::tuple:
      return "{" + print_all(term.parts) + "}";
    case Term::Kind::map:
      return "%{" + print_all(term.parts) + "}";
  }
  return "";
}

}  // namespace lookout::inject
