// The hint source that uses fanotify(7): one mark on a whole file system instead of a watch on each
// directory. Events contain names and both halves of a rename since Linux 5.17. Requires
// CAP_SYS_ADMIN, and file systems that support file handles (name_to_handle_at(2)). LinuxSource
// owns it and calls it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "watch/sources/hint_source.h"
#include "watch/sources/kernel_queue.h"

namespace lookout {

class FanotifySource : public HintSource {
 public:
  // Throws std::system_error: EPERM without the capability, EINVAL if the kernel is too old.
  FanotifySource();

  std::string_view name(int /*watch*/) const override { return "fanotify"; }
  int fd() const override { return queue_.fd(); }
  // Records the file handle of the directory. Calls fanotify_mark(2) only for the first directory
  // on each mount, since the mark covers the whole file system. Returns -1 with errno EOPNOTSUPP,
  // ENODEV or EXDEV if the file system cannot be marked.
  int watch(int directory_fd, Backend backend) override;
  int watch_on_any_thread(int directory_fd) override;
  int watch_path(const char* path, NamesIn names) override;
  void unwatch(int watch) override;
  void mounts_changed() override { mounts_.clear(); }
  void read(const std::function<void(const Hint&)>& take) override;

  // The first watch descriptor; the others are below it, where inotify has none.
  static constexpr int kFirst = kNoWatch - 1;

 private:
  using Key = std::uint64_t;  // a hash of file system ID and file handle: hints need not be exact

  std::optional<Key> file_system(int directory_fd, int mount);
  int find(Key key) const;
  // Calls `take` with the hints of one event. Returns the size of the event.
  std::size_t emit(const char* event, const std::function<void(const Hint&)>& take);

  KernelQueue queue_;
  std::unordered_map<int, Key> mounts_;  // the marked file systems, by mount ID
  std::unordered_map<Key, int> watches_;
  std::vector<Key> keys_;  // by kFirst minus watch descriptor
  std::vector<int> free_;
  std::uint32_t renames_ = 0;
};

}  // namespace lookout
