// The resource usage of the processes of a command. Command calls stats_of().
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string_view>

namespace lookout {

enum class UsageSource {
  cgroup,  // counted by the kernel for the whole tree
  proc,    // summed up from /proc
};

struct CommandStats {
  std::uint64_t cpu_user = 0;    // microseconds
  std::uint64_t cpu_system = 0;  // microseconds
  UsageSource cpu_from = UsageSource::proc;
  std::uint64_t memory_peak = 0;  // bytes
  UsageSource memory_from = UsageSource::proc;

  bool operator==(const CommandStats&) const = default;
};

// Returns the numbers of the cgroup with this directory (-1: none), if it has them. Otherwise sums
// up the processes below the guardian: the CPU time of live processes and of those that were waited
// for, and the peak resident set sizes of live processes.
CommandStats stats_of(int cgroup, pid_t guardian);

// CPU times in clock ticks, from a line of /proc/PID/stat (proc(5)). Pure.
struct CpuTicks {
  std::uint64_t user = 0;
  std::uint64_t system = 0;
  std::uint64_t children_user = 0;  // of children that were waited for, and of their children
  std::uint64_t children_system = 0;

  bool operator==(const CpuTicks&) const = default;
};
std::optional<CpuTicks> parse_cpu_ticks(std::string_view stat);

// Returns the number after `name` in lines "name number", as in cpu.stat. With a colon in `name` it
// also reads /proc/PID/status, whose numbers have units. Pure.
std::optional<std::uint64_t> number_after(std::string_view lines, std::string_view name);

}  // namespace lookout
