#include "watch/counted_calls.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

namespace {

std::atomic<std::uint64_t> stats{0};
std::atomic<std::uint64_t> links{0};
std::atomic<bool> hold{false};
std::atomic<int> held{0};
std::atomic<int> xattr_code{0};

}  // namespace

// These take the place of the C library's.
extern "C" __attribute__((visibility("default"))) int statx(int directory, const char* path,
                                                            int flags, unsigned mask,
                                                            struct statx* result) noexcept {
  ++stats;
  ++held;
  hold.wait(true);
  --held;
  return static_cast<int>(::syscall(SYS_statx, directory, path, flags, mask, result));
}

extern "C" __attribute__((visibility("default"))) ssize_t readlinkat(int directory,
                                                                     const char* path, char* target,
                                                                     size_t size) noexcept {
  ++links;
  return static_cast<ssize_t>(::syscall(SYS_readlinkat, directory, path, target, size));
}

extern "C" __attribute__((visibility("default"))) ssize_t readlink(const char* path, char* target,
                                                                   size_t size) noexcept {
  ++links;
  return static_cast<ssize_t>(::syscall(SYS_readlinkat, AT_FDCWD, path, target, size));
}

extern "C" __attribute__((visibility("default"))) ssize_t getxattr(const char* path,
                                                                   const char* name, void* value,
                                                                   size_t size) noexcept {
  if (const int code = xattr_code; code != 0) {
    errno = code;
    return -1;
  }
  return static_cast<ssize_t>(::syscall(SYS_getxattr, path, name, value, size));
}

namespace lookout {

void fail_xattrs(int code) {
  xattr_code = code;
}

std::uint64_t stat_calls() {
  return stats;
}

void hold_stats() {
  hold = true;
}

void release_stats() {
  hold = false;
  hold.notify_all();
}

int held_stats() {
  return held;
}

std::uint64_t link_calls() {
  return links;
}

}  // namespace lookout
