// A directory for one trial, removed with its owner.
#pragma once

#include <fcntl.h>
#include <stdlib.h>

#include <string>

#include "inject/injector.h"
#include "mutator/disk.h"

namespace lookout::inject {

class Workspace {
 public:
  explicit Workspace(const std::string& directory) : path_(directory + "/lookout-inject-XXXXXX") {
    if (::mkdtemp(path_.data()) == nullptr) throw Unavailable("cannot make " + path_);
  }
  ~Workspace() { oracle::remove_tree(AT_FDCWD, path_); }
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace lookout::inject
