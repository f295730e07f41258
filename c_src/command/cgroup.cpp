#include "command/cgroup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <utility>
#include <vector>

namespace lookout {
namespace {

constexpr mode_t kDirectoryMode = 0755;

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

// proc_pid_mountinfo(5): the file system's type follows a field "-", the fourth field is the root
// of the mount within the file system, the fifth the mount point.
std::string_view mount_point(std::string_view mountinfo) {
  for (const std::string_view line : split(mountinfo, '\n')) {
    const auto fields = split(line, ' ');
    for (std::size_t i = 6; i + 1 < fields.size(); ++i) {
      if (fields[i] != "-") continue;
      if (fields[i + 1] == "cgroup2" && fields[3] == "/") return fields[4];
      break;
    }
  }
  return {};
}

// Empty where it cannot be read.
std::string content_of(const char* path) {
  const UniqueFd file(::open(path, O_RDONLY | O_CLOEXEC));
  std::string content;
  std::array<char, 4096> piece;
  for (ssize_t size = 0; (size = ::read(file.get(), piece.data(), piece.size())) > 0;) {
    content.append(piece.data(), static_cast<std::size_t>(size));
  }
  return content;
}

}  // namespace

std::string cgroup_path(std::string_view mountinfo, std::string_view cgroup) {
  const std::string_view mount = mount_point(mountinfo);
  if (mount.empty()) return {};
  for (const std::string_view line : split(cgroup, '\n')) {
    if (!line.starts_with("0::/")) continue;
    const std::string_view below = line.substr(3);
    return std::string(mount) + (below == "/" ? "" : std::string(below));
  }
  return {};
}

std::optional<Cgroup> Cgroup::make() {
  const std::string parent =
      cgroup_path(content_of("/proc/self/mountinfo"), content_of("/proc/self/cgroup"));
  if (parent.empty()) return std::nullopt;
  static std::atomic<unsigned> count{0};
  std::string path =
      parent + "/lookout-" + std::to_string(::getpid()) + "-" + std::to_string(++count);
  if (::mkdir(path.c_str(), kDirectoryMode) != 0) return std::nullopt;
  Cgroup cgroup(path, UniqueFd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
  if (::faccessat(cgroup.directory(), "cgroup.kill", W_OK, AT_EACCESS) != 0) return std::nullopt;
  return cgroup;
}

Cgroup::~Cgroup() {
  if (directory_) remove_cgroup(path_);
}

void kill_cgroup(int directory) {
  const UniqueFd kill(::openat(directory, "cgroup.kill", O_WRONLY | O_CLOEXEC));
  // What it does not reach is found by the walk.
  if (kill && ::write(kill.get(), "1", 1) < 0) errno = 0;
}

void remove_cgroup(const std::string& path) {
  ::rmdir(path.c_str());
}

}  // namespace lookout
