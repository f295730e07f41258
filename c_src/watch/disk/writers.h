// Whether a process can still write to a file. OpenWriters calls it through the writers_of() with a
// RemoteMounts.
#pragma once

#include <string>

namespace lookout {

enum class Writers {
  none,
  some,    // open for writing, or mapped writable
  unknown  // not supported for this file system, user or type of file, or there is no /proc
};

// Requests a read lease, which the kernel grants only while there are no writers (F_SETLEASE in
// fcntl(2), Linux 2.4 and newer; for other users' files only with CAP_LEASE), and releases it at
// once. A writer that opens the file in between waits until then and causes SIGIO for this process,
// which must ignore it.
Writers writers_of(int directory_fd, const std::string& name);

}  // namespace lookout
