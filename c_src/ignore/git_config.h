// Reads the settings of git's configuration that concern ignored files. Pure; works on raw bytes.
// read_repository() calls them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lookout {

// Returns the last value of core.excludesFile in the text of a configuration file, with quotes,
// escapes and comments resolved (git-config(1), "Syntax"); nullopt if there is none. Ignores
// everything after an invalid line. Does not follow `include` and `includeIf`.
std::optional<std::string> excludes_file_of(std::string_view config);

// Appends the values of safe.directory in the text of a configuration file, read in the same way.
// An empty value clears the values before it.
void add_safe_directories(std::string_view config, std::vector<std::string>& directories);

// Returns whether one of these values of safe.directory covers the work tree at this absolute path:
// the path itself, `*`, or a path ending in `/*` for everything below it. `~/` is replaced by
// `home`.
bool is_safe_directory(const std::vector<std::string>& directories, std::string_view path,
                       std::string_view home);

}  // namespace lookout
