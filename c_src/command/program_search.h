// Finds the program that a name stands for.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lookout {

// The paths to try for argv[0], in their order: `name` itself where it has a slash, else one in
// each directory of `path` (the value of PATH; without one, /usr/local/bin:/usr/bin:/bin). Relative
// directories are below `directory`. Pure.
std::vector<std::string> program_candidates(const std::string& name, std::string_view path,
                                            const std::string& directory);

// The first executable file, as the real user and groups of the caller find it. System calls only,
// for the process between vfork and exec. Null with errno: ENOENT, or EACCES where there are only
// files that may not be executed.
const char* find_program(const std::vector<std::string>& candidates);

}  // namespace lookout
