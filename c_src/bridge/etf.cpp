#include "bridge/etf.h"

namespace lookout::etf {
namespace {

// The names of the refused tags. Accepted tags need no name.
const char* refused_name(std::uint8_t tag) {
  switch (tag) {
    case 80:
      return "a compressed term";
    case 99:
      return "a float in the old text form";
    case 88:
    case 103:
      return "a pid";
    case 89:
    case 102:
    case 120:
      return "a port";
    case 90:
    case 101:
    case 114:
      return "a reference";
    case 112:
    case 113:
    case 117:
      return "a function";
    case 111:
      return "an integer of more than 255 bytes";
    case 82:
      return "an atom from a distribution cache";
    case 121:
      return "a term in a local encoding";
    default:
      return "an unknown term";
  }
}

}  // namespace

std::string describe_tag(std::uint8_t tag) {
  return std::string(refused_name(tag)) + " (tag " + std::to_string(tag) + ")";
}

}  // namespace lookout::etf
