// The hint source that uses inotify(7) (Linux 2.6.13 and newer). LinuxSource owns it and calls it.
#pragma once

#include "watch/sources/hint_source.h"
#include "watch/sources/kernel_queue.h"

namespace lookout {

class InotifySource : public HintSource {
 public:
  // Throws std::system_error: EMFILE when the user has no more inotify instances (128 by default).
  InotifySource();

  std::string_view name(int /*watch*/) const override { return "inotify"; }
  int fd() const override { return queue_.fd(); }
  // Calls fchdir(2) and watches ".", which takes less time than a path below /proc/self/fd.
  int watch(int directory_fd, Backend backend) override;
  int watch_on_any_thread(int directory_fd) override;
  void leave_directory() override;
  int watch_path(const char* path, NamesIn names) override;
  int watch_file(int file_fd, bool content) override;
  void unwatch(int watch) override;
  void read(const std::function<void(const Hint&)>& take) override;

 private:
  KernelQueue queue_;
  bool inside_ = false;  // the working directory is a watched directory
};

}  // namespace lookout
