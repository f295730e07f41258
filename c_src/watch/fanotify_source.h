// The kernel's fanotify queue as a source of hints: one mark on a whole file system instead of a
// watch for each directory (fanotify(7); names and both halves of a rename since Linux 5.17). Needs
// CAP_SYS_ADMIN, and file systems whose directories have handles (name_to_handle_at(2)).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "watch/hint_source.h"
#include "watch/kernel_queue.h"

namespace lookout {

class FanotifySource : public HintSource {
 public:
  // Throws std::system_error: EPERM without the capability, EINVAL where the kernel is older.
  FanotifySource();

  std::string_view name(int /*watch*/) const override { return "fanotify"; }
  int fd() const override { return queue_.fd(); }
  // What it watches are handles, and nothing is asked of the kernel but once for each file system.
  // -1 with errno EOPNOTSUPP, ENODEV or EXDEV where the file system cannot be marked.
  int watch(int directory_fd, Backend backend) override;
  int watch_elsewhere(int directory_fd) override;
  int watch_place(const char* path, bool entries) override;
  void unwatch(int watch) override;
  void mounts_changed() override { mounts_.clear(); }
  void read(const std::function<void(const Hint&)>& take) override;

  // Watch descriptors begin here, so that they are no one else's.
  static constexpr int kFirst = 1 << 30;

 private:
  using Key = std::uint64_t;  // a hash of a file system's id and a handle: enough for a hint

  std::optional<Key> file_system(int directory_fd, int mount);
  int find(Key key) const;
  // Returns the size of the event.
  std::size_t tell(const char* event, const std::function<void(const Hint&)>& take);

  KernelQueue queue_;
  std::unordered_map<int, Key> mounts_;  // the file systems that are marked, by mount
  std::unordered_map<Key, int> watches_;
  std::vector<Key> keys_;  // by watch descriptor
  std::vector<int> free_;
  std::uint32_t renames_ = 0;
};

}  // namespace lookout
