// Whether somebody can still write to a file.
#pragma once

#include <string>

namespace lookout {

enum class Writers {
  none,
  some,    // open for writing, or mapped writable
  unknown  // this file system or user is not told, it is no regular file, or there is no /proc
};

// Asks by a read lease, which the kernel grants only while there are no writers (F_SETLEASE in
// fcntl(2), Linux 2.4 and newer; of other users' files only with CAP_LEASE), and gives it back at
// once. A writer that comes in between waits that long, and has this process sent SIGIO, which
// must be ignored.
Writers writers_of(int directory_fd, const std::string& name);

}  // namespace lookout
