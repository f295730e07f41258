// What git's configuration defines about ignored files. Pure; raw bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lookout {

// The last value of core.excludesFile in the text of a configuration file, as it is written there
// but for quotes, escapes and comments (git-config(1), "Syntax"); nullopt where it has none. What
// comes after a line that is no configuration does not count. `include` and `includeIf` are not
// followed.
std::optional<std::string> excludes_file_of(std::string_view config);

// Adds the values of safe.directory in the text of a configuration file, as above. An empty value
// clears those before it.
void add_safe_directories(std::string_view config, std::vector<std::string>& directories);

// Whether one of these values of safe.directory names the work tree at this absolute path: the path
// itself, `*`, or a path that ends in `/*` for all below it. `~/` stands for `home`.
bool is_safe_directory(const std::vector<std::string>& directories, std::string_view path,
                       std::string_view home);

}  // namespace lookout
