// The hint source of Linux: inotify, and in addition fanotify if that backend is requested, or if
// inotify has no more watches and the process has the privileges for fanotify. EngineModel owns it
// and knows it as a HintSource.
#pragma once

#include <memory>

#include "support/unique_fd.h"
#include "watch/sources/fanotify_source.h"
#include "watch/sources/inotify_source.h"

namespace lookout {

class LinuxSource : public HintSource {
 public:
  std::string_view name(int watch) const override;
  // The descriptor of inotify; once fanotify is in use, an epoll(7) instance with both.
  int fd() const override { return both_ ? both_.get() : inotify_.fd(); }
  int watch(int directory_fd, Backend backend) override;
  int watch_on_any_thread(int directory_fd) override {
    return inotify_.watch_on_any_thread(directory_fd);
  }
  void leave_directory() override { inotify_.leave_directory(); }
  int watch_path(const char* path, NamesIn names) override {
    return inotify_.watch_path(path, names);
  }
  int watch_file(int file_fd, bool content) override {
    return inotify_.watch_file(file_fd, content);
  }
  void unwatch(int watch) override;
  void mounts_changed() override;
  void read(const std::function<void(const Hint&)>& take) override;
  int start(Backend backend) override;

 private:
  bool start_fanotify();

  InotifySource inotify_;
  std::unique_ptr<FanotifySource> fanotify_;
  UniqueFd both_;
  int refused_ = 0;  // the errno of fanotify; after a transient one it is tried again
};

}  // namespace lookout
