// The kernel's hints on Linux: inotify, and beside it fanotify where that is asked for, or where
// inotify has no more watches to give and the privileges are there.
#pragma once

#include <memory>

#include "support/unique_fd.h"
#include "watch/fanotify_source.h"
#include "watch/inotify_source.h"

namespace lookout {

class LinuxSource : public HintSource {
 public:
  std::string_view name(int watch) const override;
  // Another one once fanotify is in use: a set of both (epoll(7)).
  int fd() const override { return both_ ? both_.get() : inotify_.fd(); }
  int watch(int directory_fd, Backend backend) override;
  int watch_elsewhere(int directory_fd) override { return inotify_.watch_elsewhere(directory_fd); }
  void leave() override { inotify_.leave(); }
  int watch_place(const char* path, bool entries) override {
    return inotify_.watch_place(path, entries);
  }
  int watch_file(int file_fd, bool content) override {
    return inotify_.watch_file(file_fd, content);
  }
  void unwatch(int watch) override;
  void mounts_changed() override;
  void read(const std::function<void(const Hint&)>& take) override;
  int refusal(Backend backend) override;

 private:
  bool start_fanotify();

  InotifySource inotify_;
  std::unique_ptr<FanotifySource> fanotify_;
  UniqueFd both_;
  int refused_ = 0;  // the errno of fanotify; one that is transient is not the last word
};

}  // namespace lookout
