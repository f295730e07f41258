#include "command/environment.h"

#include <algorithm>

namespace lookout {
namespace {

bool is_named(std::string_view variable, std::string_view name) {
  return variable.size() > name.size() && variable.starts_with(name) &&
         variable[name.size()] == '=';
}

}  // namespace

std::vector<std::string> make_environment(const char* const* inherited, const LaunchSpec& spec) {
  std::vector<std::string> environment;
  if (!spec.clear_environment) {
    for (; *inherited != nullptr; ++inherited) environment.emplace_back(*inherited);
  }
  for (const EnvironmentChange& change : spec.environment) {
    std::erase_if(environment, [&](const auto& known) { return is_named(known, change.name); });
    if (change.value) environment.push_back(change.name + '=' + *change.value);
  }
  return environment;
}

std::string_view value_of(std::string_view name, const std::vector<std::string>& environment) {
  const auto found = std::find_if(environment.begin(), environment.end(),
                                  [name](const auto& known) { return is_named(known, name); });
  if (found == environment.end()) return {};
  return std::string_view(*found).substr(name.size() + 1);
}

}  // namespace lookout
