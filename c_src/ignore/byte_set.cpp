#include "ignore/byte_set.h"

#include <cstddef>
#include <iterator>

namespace lookout {
namespace {

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

}  // namespace

bool add_class(std::string_view name, ByteSet& bytes) {
  const auto* const found = std::find_if(std::begin(kClasses), std::end(kClasses),
                                         [&](const Class& known) { return known.name == name; });
  if (found == std::end(kClasses)) return false;
  for (std::size_t at = 0; at < found->ranges.size(); at += 2) {
    bytes.set(static_cast<unsigned char>(found->ranges[at]),
              static_cast<unsigned char>(found->ranges[at + 1]));
  }
  return true;
}

}  // namespace lookout
