// Finds the file of a program by its name. launch() and Fswatch call find_program().
#pragma once

#include <string>

namespace lookout {

struct ProgramSearch {
  std::string name;       // argv[0]
  std::string path;       // value of PATH; empty: /usr/local/bin:/usr/bin:/bin
  std::string directory;  // relative entries of PATH are below this directory

  // The length of the longest path that find_program() tries.
  std::size_t longest() const;
};

// Returns the path for execve(2): the name itself if it contains a slash, else the first executable
// file of that name in the directories of PATH, checked with the effective user and groups of the
// caller. The path is built in `buffer`. Between vfork and exec the buffer needs the capacity
// longest(), so that this function makes system calls only. Returns null with errno: ENOENT, or
// EACCES if all files of that name are not executable.
const char* find_program(const ProgramSearch& search, std::string& buffer);

}  // namespace lookout
