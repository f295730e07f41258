#include "command/environment.h"

#include <algorithm>
#include <unordered_map>

namespace lookout {
namespace {

bool is_named(std::string_view variable, std::string_view name) {
  return variable.size() > name.size() && variable.starts_with(name) &&
         variable[name.size()] == '=';
}

}  // namespace

std::vector<std::string> make_environment(const char* const* inherited, const LaunchSpec& spec,
                                          const std::vector<EnvironmentChange>& user) {
  std::vector<const EnvironmentChange*> ordered;
  if (!spec.clear_environment) {
    for (const EnvironmentChange& change : user) ordered.push_back(&change);
  }
  for (const EnvironmentChange& change : spec.environment) ordered.push_back(&change);
  std::unordered_map<std::string_view, const EnvironmentChange*> changes;
  for (const EnvironmentChange* change : ordered) changes[change->name] = change;
  std::vector<std::string> environment;
  for (; !spec.clear_environment && *inherited != nullptr; ++inherited) {
    const std::string_view variable(*inherited);
    if (!changes.contains(variable.substr(0, variable.find('=')))) {
      environment.emplace_back(variable);
    }
  }
  for (const EnvironmentChange* change : ordered) {
    const bool is_last = changes.at(change->name) == change;
    if (is_last && change->value) environment.push_back(change->name + '=' + *change->value);
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
