#include "watch/disk/mount_watch.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <utility>

#include "watch/disk/disk.h"

namespace lookout {
namespace {

constexpr std::size_t kBlock = 16384;

// Decodes a path: the table has a backslash and three octal digits for a space, tab, newline or
// backslash.
std::string unescape(std::string_view text) {
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::string_view digits = text.substr(i).substr(0, 4);
    const bool escaped =
        digits.size() == 4 && digits[0] == '\\' &&
        std::all_of(digits.begin() + 1, digits.end(), [](char c) { return c >= '0' && c <= '7'; });
    if (!escaped) {
      bytes += text[i];
      continue;
    }
    bytes += static_cast<char>((digits[1] - '0') * 64 + (digits[2] - '0') * 8 + (digits[3] - '0'));
    i += 3;
  }
  return bytes;
}

// Removes the first word of a line and returns it; empty at the end of the line.
std::string_view next_word(std::string_view& line) {
  const std::size_t end = std::min(line.find(' '), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return word;
}

template <class Use>
void for_each_line(std::string_view text, Use use) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    use(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

}  // namespace

Mounts parse_mounts(std::string_view text) {
  Mounts mounts;
  for_each_line(text, [&](std::string_view line) {
    const std::string_view mount = next_word(line);
    next_word(line);  // the mount ID of the parent
    const std::string_view device = next_word(line);
    next_word(line);  // the root of the mount within its file system
    const std::string path = unescape(next_word(line));
    if (path.starts_with('/')) mounts[path].append(mount).append(" ").append(device).append(";");
  });
  return mounts;
}

std::uint64_t highest_device(const std::string& mounted) {
  const std::size_t at = mounted.rfind(' ') + 1;  // "36 8:1;37 0:45;"
  unsigned major = 0;
  unsigned minor = 0;
  const char* const end = mounted.data() + mounted.size();
  const auto [colon, code] = std::from_chars(mounted.data() + at, end, major);
  if (code == std::errc() && colon != end) std::from_chars(colon + 1, end, minor);
  return makedev(major, minor);
}

MountTypes parse_mount_types(std::string_view text) {
  MountTypes types;
  for_each_line(text, [&](std::string_view line) {
    constexpr int kMountPoint = 4;  // the index of the field: see proc_pid_mountinfo(5)
    for (int word = 0; word < kMountPoint; ++word) next_word(line);
    const std::string path = unescape(next_word(line));
    // A variable number of optional fields follows the mount options; the word "-" ends them.
    while (!line.empty() && next_word(line) != "-") continue;
    const std::string_view type = next_word(line);
    if (path.starts_with('/') && !type.empty()) types[path] = type;
  });
  return types;
}

std::vector<std::string> changed_places(const Mounts& before, const Mounts& after) {
  std::vector<std::string> changed;
  for (const auto& [path, mounted] : after) {
    const auto known = before.find(path);
    if (known == before.end() || known->second != mounted) changed.push_back(path);
  }
  for (const auto& [path, mounted] : before) {
    if (!after.contains(path)) changed.push_back(path);
  }
  std::sort(changed.begin(), changed.end());
  return changed;
}

MountWatch::MountWatch() {
  open();
  known_ = read();
}

void MountWatch::open() {
  constexpr const char* kTable = "/proc/self/mountinfo";
  fd_.reset(::open(kTable, O_RDONLY | O_CLOEXEC));
  if (fd_) asked_.reset(::open(kTable, O_RDONLY | O_CLOEXEC));
  again_ = !asked_ && is_transient(errno);
  if (!asked_) fd_.reset();
}

bool MountWatch::reopen() {
  if (!again_) return false;
  open();
  return static_cast<bool>(fd_);
}

Mounts MountWatch::read() {
  const std::string table = text();
  types_ = parse_mount_types(table);
  return parse_mounts(table);
}

bool MountWatch::signalled() const {
  pollfd waiting{asked_.get(), POLLPRI, 0};
  return ::poll(&waiting, 1, 0) > 0 && (waiting.revents & (POLLPRI | POLLERR)) != 0;
}

std::vector<std::string> MountWatch::changes() {
  Mounts now = read();
  std::vector<std::string> changed = changed_places(known_, now);
  known_ = std::move(now);
  return changed;
}

std::vector<std::string> MountWatch::mount_points() const {
  std::vector<std::string> paths;
  for (const auto& [path, mounted] : known_) paths.push_back(path);
  return paths;
}

std::string MountWatch::text() const {
  std::string text;
  std::array<char, kBlock> block{};
  for (off_t at = 0;;) {
    const ssize_t got = ::pread(fd_.get(), block.data(), block.size(), at);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return text;
    text.append(block.data(), static_cast<std::size_t>(got));
    at += got;
  }
}

}  // namespace lookout
