// The one word of git's configuration that matters here. Pure; raw bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace lookout {

// The last value of core.excludesFile in the text of a configuration file, as it is written there
// but for quotes, escapes and comments (git-config(1), "Syntax"); nullopt where it has none. What
// comes after a line that is no configuration does not count. `include` and `includeIf` are not
// followed.
std::optional<std::string> excludes_file_of(std::string_view config);

}  // namespace lookout
