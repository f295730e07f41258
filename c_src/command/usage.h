// What the processes of a command have used.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string_view>

namespace lookout {

enum class UsageSource {
  cgroup,  // counted by the kernel for the whole tree
  proc,    // added up from /proc
};

struct CommandStats {
  std::uint64_t cpu_user = 0;    // microseconds
  std::uint64_t cpu_system = 0;  // microseconds
  UsageSource cpu_from = UsageSource::proc;
  std::uint64_t memory_peak = 0;  // bytes
  UsageSource memory_from = UsageSource::proc;

  bool operator==(const CommandStats&) const = default;
};

// Of the cgroup whose directory this is (-1: none) where it has the numbers; else of the processes
// below the guardian: the CPU time of those that live and of those that were waited for, and the
// sum of the largest resident sizes of those that live.
CommandStats stats_of(int cgroup, pid_t guardian);

// CPU time in clock ticks, from a line of /proc/PID/stat (proc(5)). Pure.
struct CpuTicks {
  std::uint64_t user = 0;
  std::uint64_t system = 0;
  std::uint64_t children_user = 0;  // of children that have been waited for, with theirs
  std::uint64_t children_system = 0;

  bool operator==(const CpuTicks&) const = default;
};
std::optional<CpuTicks> parse_cpu_ticks(std::string_view stat);

// The number that follows a name in lines of "name number", as in cpu.stat and, with units and a
// colon in the name, in /proc/PID/status. Pure.
std::optional<std::uint64_t> number_after(std::string_view lines, std::string_view name);

}  // namespace lookout
