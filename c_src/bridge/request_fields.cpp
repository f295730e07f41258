#include "bridge/request_fields.h"

#include <utility>
#include <variant>

#include "bridge/requests.h"
#include "bridge/term_print.h"
#include "bridge/wire_path.h"

namespace lookout {

std::nullopt_t Fields::refuse(std::string_view expected, std::string_view at, Contents contents) {
  return refuse_with("expected " + std::string(expected) + ", got " + print_term(at, contents));
}

std::nullopt_t Fields::refuse_with(std::string detail) {
  return refuse_with(Error{"bad_request", std::string(operation_), "", std::move(detail)});
}

std::nullopt_t Fields::refuse_with(Error error) {
  error_ = std::move(error);
  return std::nullopt;
}

std::optional<std::string> Fields::path() {
  const std::string_view at = reader_.rest();
  const auto raw = reader_.binary();
  if (!raw) return refuse("a path as a binary", at);
  Result<std::string> path = take_path(*raw, operation_);
  if (auto* error = std::get_if<Error>(&path)) return refuse_with(std::move(*error));
  return std::get<std::string>(std::move(path));
}

std::optional<std::vector<std::string>> Fields::paths() {
  const std::string_view at = reader_.rest();
  const auto count = reader_.list();
  if (!count) return refuse("a list of paths", at);
  if (static_cast<std::size_t>(*count) > kMaxPaths) {
    return refuse_with("expected at most " + std::to_string(kMaxPaths) + " paths, got " +
                       std::to_string(*count));
  }
  std::vector<std::string> paths;
  for (int i = 0; i < *count; ++i) {
    auto one = path();
    if (!one) return std::nullopt;
    paths.push_back(std::move(*one));
  }
  if (*count > 0 && !reader_.empty_list()) return refuse("a proper list of paths", at);
  return paths;
}

bool read_boolean(TermReader& reader, bool& value) {
  const auto atom = reader.atom();
  if (atom != "true" && atom != "false") return false;
  value = atom == "true";
  return true;
}

}  // namespace lookout
