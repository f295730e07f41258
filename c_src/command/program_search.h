// Finds the program that a name stands for.
#pragma once

#include <string>

namespace lookout {

struct ProgramSearch {
  std::string name;       // argv[0]
  std::string path;       // the value of PATH; empty: /usr/local/bin:/usr/bin:/bin
  std::string directory;  // relative parts of PATH are below this one

  // How long a path may become that is tried.
  std::size_t longest() const;
};

// The path to give to execve(2): the name itself where it has a slash, else the first executable
// file of that name in the directories of PATH, as the effective user and groups of the caller find
// it. It is built in `buffer`, which needs the capacity of longest() for the process between vfork
// and exec: then this makes system calls only. Null with errno: ENOENT, or EACCES where there are
// only files that may not be executed.
const char* find_program(const ProgramSearch& search, std::string& buffer);

}  // namespace lookout
