#include "command/descriptors.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>

#include "support/unique_fd.h"

namespace lookout {
namespace {

constexpr unsigned kCloseRangeCloexec = 4;  // CLOSE_RANGE_CLOEXEC (Linux 5.11)

using Treat = void (*)(int fd);

// The offsets of d_reclen and d_name in a record of getdents64(2); the name ends with NUL.
constexpr std::size_t kLengthAt = 16;
constexpr std::size_t kNameAt = 19;

// Returns nothing for "." and "..".
std::optional<unsigned> number_of(const char* name) {
  unsigned number = 0;
  for (const char* digit = name; *digit != '\0'; ++digit) {
    if (*digit < '0' || *digit > '9') return std::nullopt;
    number = number * 10 + static_cast<unsigned>(*digit - '0');
  }
  return number;
}

void treat_listed(int listing, unsigned first, unsigned last, Treat treat) {
  std::array<char, 4096> records;
  // The listing is ordered by number, so closing descriptors does not shift it.
  for (long size = 0;
       (size = ::syscall(SYS_getdents64, listing, records.data(), records.size())) > 0;) {
    for (long at = 0; at < size;) {
      const char* record = records.data() + at;
      std::uint16_t length = 0;
      std::memcpy(&length, record + kLengthAt, sizeof length);
      at += length;
      const auto fd = number_of(record + kNameAt);
      if (!fd || *fd < first || *fd > last || static_cast<int>(*fd) == listing) continue;
      treat(static_cast<int>(*fd));
    }
  }
}

void treat_each(unsigned first, unsigned last, Treat treat) {
  const UniqueFd listing(::open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (listing) return treat_listed(listing.get(), first, last, treat);
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  for (rlim_t fd = first; fd <= last && fd < limit.rlim_cur; ++fd) treat(static_cast<int>(fd));
}

}  // namespace

void close_descriptors(unsigned first, unsigned last) {
  if (::syscall(SYS_close_range, first, last, 0) == 0) return;
  treat_each(first, last, [](int fd) { ::close(fd); });
}

void close_descriptors_on_exec(unsigned first, unsigned last) {
  if (::syscall(SYS_close_range, first, last, kCloseRangeCloexec) == 0) return;
  treat_each(first, last, [](int fd) { ::fcntl(fd, F_SETFD, FD_CLOEXEC); });
}

}  // namespace lookout
