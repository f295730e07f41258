// Finds the program that a name stands for.
#pragma once

#include <string>
#include <string_view>

#include "support/error.h"

namespace lookout {

// The path to give to execve(2) for argv[0]: `name` itself where it has a slash, else the first
// executable file of that name in the directories of `path` (the value of PATH; without one,
// /usr/local/bin:/usr/bin:/bin). Relative ones are looked for from `directory`. `enoent` where
// there is none, `eacces` where one is there that may not be executed.
Result<std::string> find_program(const std::string& name, std::string_view path,
                                 const std::string& directory);

}  // namespace lookout
