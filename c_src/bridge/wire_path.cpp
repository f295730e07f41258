#include "bridge/wire_path.h"

#include <algorithm>

#include "bridge/requests.h"
#include "bridge/term_print.h"

namespace lookout {
namespace {

// Returns what a valid path would be, to follow "expected"; empty if the path is valid.
std::string_view objection(std::string_view path) {
  if (path.empty()) return "a path";
  if (path.size() > kMaxPathSize) return "a path of at most 65536 bytes";
  if (path.front() != '/') return "an absolute path";
  if (path.find('\0') != std::string_view::npos) return "a path without a NUL byte";
  return "";
}

// Removes the path component up to the next slash from the front.
std::string_view next_part(std::string_view& path) {
  const std::size_t slash = std::min(path.find('/'), path.size());
  const std::string_view part = path.substr(0, slash);
  path.remove_prefix(std::min(slash + 1, path.size()));
  return part;
}

Error refusal(std::string_view expected, std::string_view raw, std::string_view operation) {
  return Error{"bad_request", std::string(operation), std::string(raw.substr(0, kMaxPathSize)),
               "expected " + std::string(expected) + ", got " + print_binary(raw)};
}

}  // namespace

Result<std::string> take_path(std::string_view raw, std::string_view operation) {
  if (const auto expected = objection(raw); !expected.empty()) {
    return refusal(expected, raw, operation);
  }
  std::string path;
  path.reserve(raw.size());
  for (std::string_view left = raw; !left.empty();) {
    const std::string_view part = next_part(left);
    if (part.empty() || part == ".") continue;
    if (part == "..") return refusal("an expanded path, without .. parts", raw, operation);
    path += '/';
    path += part;
  }
  if (path.empty()) path = "/";
  return path;
}

}  // namespace lookout
