#include "watch/sources/fanotify_source.h"

#include <fcntl.h>
#include <sys/fanotify.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "watch/model/hash.h"

namespace lookout {
namespace {

// Bytes. An event has at most two names of 255 bytes and three file handles of 128.
constexpr std::size_t kMaxFanotifyEvent = 4096;

// FAN_REPORT_TARGET_FID adds the handle of the entry itself, so that the kernel does not merge
// events of different files under one name. FAN_UNLIMITED_MARKS requires the same capability as
// marking a file system, so that fanotify_init(2) fails at once where it is missing.
constexpr unsigned kFlags = FAN_CLASS_NOTIF | FAN_NONBLOCK | FAN_CLOEXEC | FAN_REPORT_DFID_NAME |
                            FAN_REPORT_FID | FAN_REPORT_TARGET_FID | FAN_UNLIMITED_MARKS;
// Never FAN_OPEN, FAN_ACCESS or FAN_CLOSE_NOWRITE: `lookout_port`'s own checks would
// fill the queue.
constexpr std::uint64_t kMask = FAN_CREATE | FAN_DELETE | FAN_RENAME | FAN_MODIFY | FAN_ATTRIB |
                                FAN_CLOSE_WRITE | FAN_DELETE_SELF | FAN_MOVE_SELF | FAN_ONDIR;

// The size of a file_handle with its variable part, as in name_to_handle_at(2) and in events.
constexpr std::size_t kHandleSize = sizeof(file_handle) + MAX_HANDLE_SZ;

std::uint64_t key_of(std::uint64_t system, const char* handle) {
  file_handle head;
  std::memcpy(&head, handle, sizeof head);
  return hash_bytes(mix(system, static_cast<std::uint64_t>(head.handle_type)),
                    {handle + sizeof head, head.handle_bytes});
}

template <class Id>
std::uint64_t system_key(const Id& id) {
  std::uint64_t key = 0;
  static_assert(sizeof id == sizeof key);
  std::memcpy(&key, &id, sizeof key);
  return mix(hash_seed(), key);
}

// The directory and the name in one information record of an event.
struct NamedEntry {
  std::uint64_t key;
  std::string_view name;  // "." for the directory itself
};

NamedEntry read_named_entry(const char* info) {
  fanotify_event_info_fid fid;
  std::memcpy(&fid, info, sizeof fid);
  const char* const handle = info + sizeof fid;
  file_handle head;
  std::memcpy(&head, handle, sizeof head);
  const char* const name = handle + sizeof head + head.handle_bytes;
  const auto room = static_cast<std::size_t>(info + fid.hdr.len - name);
  return {key_of(system_key(fid.fsid), handle), {name, ::strnlen(name, room)}};
}

Hints translate(std::uint64_t mask) {
  Hints hints = 0;
  const auto map = [&](std::uint64_t bits, Hints meaning) {
    if ((mask & bits) != 0) hints |= meaning;
  };
  map(FAN_CREATE, hint::kCreated);
  map(FAN_DELETE, hint::kDeleted);
  map(FAN_MODIFY, hint::kWritten);
  map(FAN_ATTRIB, hint::kAttributes);
  map(FAN_CLOSE_WRITE, hint::kClosed);
  map(FAN_DELETE_SELF | FAN_MOVE_SELF, hint::kSelfGone);
  return hints;
}

}  // namespace

FanotifySource::FanotifySource()
    : queue_(UniqueFd(::fanotify_init(kFlags, O_RDONLY)), kMaxFanotifyEvent) {
  if (queue_.fd() < 0) throw std::system_error(errno, std::generic_category(), "fanotify_init");
}

int FanotifySource::watch(int directory_fd, Backend /*backend*/) {
  alignas(file_handle) std::array<char, kHandleSize> handle{};
  auto* const head = reinterpret_cast<file_handle*>(handle.data());
  head->handle_bytes = MAX_HANDLE_SZ;
  int mount = -1;
  if (::name_to_handle_at(directory_fd, "", head, &mount, AT_EMPTY_PATH) != 0) return kNoWatch;
  const auto system = file_system(directory_fd, mount);
  if (!system) return kNoWatch;
  const Key key = key_of(*system, handle.data());
  if (const int known = find(key); known != kNoWatch) return known;
  int watch = kFirst - static_cast<int>(keys_.size());
  if (free_.empty()) {
    keys_.push_back(key);
  } else {
    watch = free_.back();
    free_.pop_back();
    keys_[static_cast<std::size_t>(kFirst - watch)] = key;
  }
  watches_.emplace(key, watch);
  return watch;
}

// Marks the file system of a directory and returns its key. The mark is set before the directory is
// scanned, so that no change between the two is missed.
std::optional<FanotifySource::Key> FanotifySource::file_system(int directory_fd, int mount) {
  if (const auto known = mounts_.find(mount); known != mounts_.end()) return known->second;
  if (::fanotify_mark(queue_.fd(), FAN_MARK_ADD | FAN_MARK_FILESYSTEM, kMask, directory_fd, ".") !=
      0) {
    return std::nullopt;
  }
  struct statfs system {};
  if (::fstatfs(directory_fd, &system) != 0) return std::nullopt;
  return mounts_.emplace(mount, system_key(system.f_fsid)).first->second;
}

int FanotifySource::watch_on_any_thread(int /*directory_fd*/) {
  errno = ENOSYS;
  return kNoWatch;
}

int FanotifySource::watch_path(const char* /*path*/, NamesIn /*names*/) {
  errno = ENOSYS;
  return kNoWatch;
}

void FanotifySource::unwatch(int watch) {
  const auto index = static_cast<std::size_t>(kFirst - watch);
  const auto known = watches_.find(keys_[index]);
  // The watch is already removed: emit() has done that when the directory was deleted.
  if (known == watches_.end() || known->second != watch) return;
  watches_.erase(known);
  free_.push_back(watch);
}

int FanotifySource::find(Key key) const {
  const auto known = watches_.find(key);
  return known == watches_.end() ? kNoWatch : known->second;
}

std::size_t FanotifySource::emit(const char* event, const std::function<void(const Hint&)>& take) {
  fanotify_event_metadata meta;
  std::memcpy(&meta, event, sizeof meta);
  Hint hint;
  hint.overflow = (meta.mask & FAN_Q_OVERFLOW) != 0;
  if (hint.overflow) {
    take(hint);
    return meta.event_len;
  }
  // fanotify has no cookies, so the renames are numbered. The high bit keeps these numbers apart
  // from the cookies of inotify, which LinuxSource reads as well.
  if ((meta.mask & FAN_RENAME) != 0) hint.cookie = 0x80000000U | ++renames_;
  for (std::size_t at = meta.metadata_len; at < meta.event_len;) {
    fanotify_event_info_header info;
    std::memcpy(&info, event + at, sizeof info);
    const char* const record = event + at;
    at += info.len;
    hint.hints = translate(meta.mask);
    switch (info.info_type) {
      case FAN_EVENT_INFO_TYPE_OLD_DFID_NAME:
        hint.hints |= hint::kMovedFrom;
        break;
      case FAN_EVENT_INFO_TYPE_NEW_DFID_NAME:
        hint.hints |= hint::kMovedTo;
        break;
      case FAN_EVENT_INFO_TYPE_DFID_NAME:
        break;
      default:
        continue;  // this record has only the handle of the entry itself
    }
    const NamedEntry entry = read_named_entry(record);
    hint.watch = find(entry.key);
    if (hint.watch == kNoWatch) continue;  // a directory that is not watched
    const bool itself = entry.name == ".";
    hint.name = itself ? std::string_view() : entry.name;
    hint.alone = itself;
    // The handle of a deleted directory is forgotten: a new directory may get the same one.
    hint.ended = itself && (meta.mask & FAN_DELETE_SELF) != 0;
    if (hint.ended) unwatch(hint.watch);
    take(hint);
  }
  return meta.event_len;
}

void FanotifySource::read(const std::function<void(const Hint&)>& take) {
  queue_.read([this, &take](const char* message) { return emit(message, take); });
}

}  // namespace lookout
