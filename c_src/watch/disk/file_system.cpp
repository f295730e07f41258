#include "watch/disk/file_system.h"

#include <sys/statfs.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace lookout {
namespace {

using Magic = std::pair<std::uint64_t, std::string_view>;

// The types are those of statfs(2) and linux/magic.h; some versions of the header lack some
// of them.
constexpr std::array<std::uint64_t, 3> kTrusted{
    0x9123683e,  // btrfs
    0xf2f52010,  // F2FS
    0x2fc12fc1,  // ZFS
};
constexpr std::array<std::uint64_t, 3> kTrustedAndLive{
    0x01021994,  // tmpfs
    0xef53,      // ext4
    0x58465342,  // XFS
};

// File systems that may change without an event in this kernel: other hosts may change the first
// ones, the host of a virtual machine or a process the last ones.
constexpr std::array<Magic, 14> kRemote{{
    {0x6969, "nfs"},
    {0x517b, "smb"},
    {0xff534d42, "cifs"},
    {0xfe534d42, "smb2"},
    {0x5346414f, "afs"},
    {0x6b414653, "afs"},
    {0x00c36400, "ceph"},
    {0x73757245, "coda"},
    {0x0bd00bd0, "lustre"},
    {0x47504653, "gpfs"},
    {0x01021997, "9p"},
    {0x786f4256, "vboxsf"},
    {0xbacbacbc, "vmhgfs"},
    {0x65735546, "fuse"},
}};

// Pseudo file systems on which few or no changes cause events. Two kinds are not listed and are
// watched as any other: those on which all changes cause events (devpts, hugetlbfs), and those that
// hold files created by programs (tmpfs, devtmpfs, ramfs).
constexpr std::array<Magic, 22> kPseudo{{
    {0x9fa0, "proc"},
    {0x62656572, "sysfs"},
    {0x0027e0eb, "cgroup"},
    {0x63677270, "cgroup2"},
    {0x64626720, "debugfs"},
    {0x74726163, "tracefs"},
    {0x73636673, "securityfs"},
    {0xcafe4a11, "bpf"},
    {0x6165676c, "pstore"},
    {0x62656570, "configfs"},
    {0x65735543, "fusectl"},
    {0x19800202, "mqueue"},
    {0x42494e4d, "binfmt_misc"},
    {0xde5e81e4, "efivarfs"},
    {0xf97cff8c, "selinuxfs"},
    {0x43415d53, "smackfs"},
    {0x0187, kAutofs},
    {0x6e736673, "nsfs"},
    {0x67596969, "rpc_pipefs"},
    {0x6e667364, "nfsd"},
    {0x07655821, "resctrl"},
    {0x6c6f6f70, "binder"},
}};

// The names that remote file systems have in mountinfo, and autofs, where opening a directory may
// mount one. may_block() adds the names that begin with "fuse."; fuseblk is a local disk.
constexpr std::array<std::string_view, 22> kMayBlock{
    "nfs",    "nfs4",  "smb",  "smb3",   "smbfs",    "cifs",   "afs",  "ceph",
    "coda",   "9p",    "gpfs", "lustre", "vboxsf",   "vmhgfs", "fuse", "virtiofs",
    "beegfs", "pvfs2", "ncp",  "ncpfs",  "orangefs", "autofs",
};

}  // namespace

bool may_block(std::string_view type) {
  return type.starts_with("fuse.") ||
         std::find(kMayBlock.begin(), kMayBlock.end(), type) != kMayBlock.end();
}

FileSystem file_system_of_type(std::uint64_t type) {
  for (const std::uint64_t magic : kTrustedAndLive) {
    if (magic == type) return {true, true, {}, {}};
  }
  for (const std::uint64_t magic : kTrusted) {
    if (magic == type) return {true, false, {}, {}};
  }
  for (const auto& [magic, name] : kRemote) {
    if (magic == type) return {false, false, name, {}};
  }
  for (const auto& [magic, name] : kPseudo) {
    if (magic == type) return {false, false, {}, name};
  }
  return {};
}

std::optional<FileSystem> file_system_of(int fd) {
  struct statfs system {};
  if (::fstatfs(fd, &system) != 0) return std::nullopt;
  // The type is a signed number on some architectures.
  FileSystem found = file_system_of_type(static_cast<std::uint64_t>(system.f_type) & 0xffffffffU);
  found.type = static_cast<std::uint64_t>(system.f_type) & 0xffffffffU;
  static_assert(sizeof system.f_fsid == sizeof found.id);
  std::memcpy(&found.id, &system.f_fsid, sizeof found.id);
  return found;
}

const FileSystem& FileSystems::of(int directory_fd, std::uint64_t device) {
  static constexpr FileSystem kUnknown{};
  if (const auto known = known_.find(device); known != known_.end()) return known->second;
  const auto system = file_system_of(directory_fd);
  if (!system) return kUnknown;
  last_[device] = *system;
  return known_.emplace(device, *system).first->second;
}

}  // namespace lookout
