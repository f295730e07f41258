// Reads the fields and options of a request; shared by all requests. decode_request() and the
// readers of requests about a command call it.
#pragma once

#include <algorithm>
#include <array>
#include <bitset>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bridge/term_print.h"
#include "bridge/term_reader.h"
#include "support/error.h"

namespace lookout {

// Keeps the error of a refusal. After it, callers return without reading further fields.
class Fields {
 public:
  Fields(TermReader& reader, std::string_view operation) : reader_(reader), operation_(operation) {}

  TermReader& reader() { return reader_; }

  // Refuses a request. The error shows the term at the front of `at`.
  std::nullopt_t refuse(std::string_view expected, std::string_view at,
                        Contents contents = Contents::shown);
  std::nullopt_t refuse_with(std::string detail);
  std::nullopt_t refuse_with(Error error);
  Error take_error() { return std::move(error_); }

  std::optional<std::string> path();
  std::optional<std::vector<std::string>> paths();

 private:
  TermReader& reader_;
  std::string_view operation_;
  Error error_;
};

bool read_boolean(TermReader& reader, bool& value);

template <class R>
struct OptionRule {
  std::string_view name;
  std::string_view expected;
  bool (*read)(TermReader&, R&);
  // After a refused value, show only the term at which the reader stopped, an element of the value.
  bool shows_part = false;
  // Its value, and a list of options that may have it, is printed without its contents.
  Contents contents = Contents::shown;
};

// Returns ":first, :second" for an error message.
template <class Rule>
std::string names_of(std::span<const Rule> rules) {
  std::string names;
  for (const Rule& rule : rules) {
    if (!names.empty()) names += ", ";
    names += ':';
    names += rule.name;
  }
  return names;
}

// Reads [{name, value}, ...] into the request. Returns false after a refusal.
template <class R, std::size_t N>
bool read_options(Fields& fields, const std::array<OptionRule<R>, N>& rules, R& request) {
  TermReader& reader = fields.reader();
  const bool secret = std::any_of(rules.begin(), rules.end(), [](const auto& rule) {
    return rule.contents == Contents::hidden;
  });
  const Contents of_all = secret ? Contents::hidden : Contents::shown;
  const auto refuse = [&](std::string_view expected, std::string_view at) {
    fields.refuse(expected, at, of_all);
    return false;
  };
  const std::string_view list_at = reader.rest();
  const auto count = reader.list();
  if (!count) return refuse("a list of options", list_at);
  std::bitset<N> seen;
  for (int i = 0; i < *count; ++i) {
    const std::string_view pair_at = reader.rest();
    if (reader.tuple() != 2) return refuse("an option as {name, value}", pair_at);
    const std::string_view name_at = reader.rest();
    const auto name = reader.atom();
    if (!name) return refuse("the name of an option as an atom", name_at);
    const auto rule = std::find_if(rules.begin(), rules.end(),
                                   [&name](const auto& known) { return known.name == *name; });
    if (rule == rules.end()) {
      return refuse("an option of " + names_of(std::span<const OptionRule<R>>(rules)), name_at);
    }
    const auto index = static_cast<std::size_t>(rule - rules.begin());
    if (seen.test(index)) return refuse("each option once", list_at);
    seen.set(index);
    const std::string_view value_at = reader.rest();
    if (!rule->read(reader, request)) {
      fields.refuse(std::string(rule->expected) + " for the option :" + *name,
                    rule->shows_part ? reader.rest() : value_at, rule->contents);
      return false;
    }
  }
  if (*count > 0 && !reader.empty_list()) return refuse("a proper list of options", list_at);
  return true;
}

}  // namespace lookout
