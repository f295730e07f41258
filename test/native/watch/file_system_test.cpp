#include "watch/disk/file_system.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/magic.h>

#include "support/unique_fd.h"

namespace lookout {
namespace {

TEST(FileSystemTest, AsksEachDeviceOnce) {
  FileSystems systems;
  const UniqueFd proc(::open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  EXPECT_FALSE(systems.of(proc.get(), 1).trusted);
  const UniqueFd shm(::open("/dev/shm", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!shm) GTEST_SKIP() << "there is no /dev/shm here";
  EXPECT_TRUE(systems.of(shm.get(), 2).trusted);
  EXPECT_TRUE(systems.of(-1, 2).trusted) << "known by its device number";
  EXPECT_FALSE(systems.of(-1, 3).trusted) << "what cannot be asked is not trusted";
  EXPECT_TRUE(systems.of(shm.get(), 3).trusted) << "and is asked again";
  systems.forget();
  EXPECT_FALSE(systems.of(-1, 2).trusted);
}

TEST(FileSystemTest, LocalOnesAreNotRemoteAndOverlayfsIsNeitherRemoteNorTrusted) {
  for (const std::uint64_t type : {EXT4_SUPER_MAGIC, TMPFS_MAGIC, OVERLAYFS_SUPER_MAGIC}) {
    EXPECT_EQ(file_system_of_type(type).remote, "") << type;
  }
  EXPECT_TRUE(file_system_of_type(EXT4_SUPER_MAGIC).trusted);
  EXPECT_TRUE(file_system_of_type(EXT4_SUPER_MAGIC).live);
  EXPECT_TRUE(file_system_of_type(TMPFS_MAGIC).live);
  EXPECT_FALSE(file_system_of_type(BTRFS_SUPER_MAGIC).live) << "the end of a listing is fixed";
  EXPECT_FALSE(file_system_of_type(OVERLAYFS_SUPER_MAGIC).trusted);
}

TEST(FileSystemTest, WhatOthersMayChangeUnseenIsRemote) {
  EXPECT_EQ(file_system_of_type(NFS_SUPER_MAGIC).remote, "nfs");
  EXPECT_EQ(file_system_of_type(V9FS_MAGIC).remote, "9p");
  EXPECT_EQ(file_system_of_type(FUSE_SUPER_MAGIC).remote, "fuse");
  EXPECT_EQ(file_system_of_type(SMB2_SUPER_MAGIC).remote, "smb2");
  EXPECT_FALSE(file_system_of_type(FUSE_SUPER_MAGIC).trusted);
}

TEST(FileSystemTest, WhatTheKernelMakesUpIsPseudoButNotWhatHoldsFilesOfPrograms) {
  EXPECT_EQ(file_system_of_type(0x9fa0).pseudo, "proc");
  EXPECT_EQ(file_system_of_type(0x62656572).pseudo, "sysfs");
  EXPECT_EQ(file_system_of_type(0x63677270).pseudo, "cgroup2");
  constexpr std::uint64_t kOthers[] = {0x01021994, 0x858458f6, 0x1cd1, 0xef53};
  for (const std::uint64_t tmpfs_ramfs_devpts_or_ext4 : kOthers) {
    EXPECT_EQ(file_system_of_type(tmpfs_ramfs_devpts_or_ext4).pseudo, "");
  }
}

TEST(FileSystemTest, CallsMayBlockOnWhatAnotherHostOrProcessServes) {
  for (const char* type :
       {"nfs", "nfs4", "cifs", "smb3", "ceph", "9p", "fuse", "fuse.sshfs", "virtiofs", "autofs"}) {
    EXPECT_TRUE(may_block(type)) << type;
  }
  for (const char* type : {"ext4", "tmpfs", "overlay", "fuseblk", "fusectl", "proc", ""}) {
    EXPECT_FALSE(may_block(type)) << type;
  }
}

}  // namespace
}  // namespace lookout
