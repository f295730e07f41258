#include "command/usage.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <vector>

#include "command/process_tree.h"
#include "support/file_content.h"

namespace lookout {
namespace {

constexpr std::uint64_t kMicroseconds = 1'000'000;
constexpr std::uint64_t kKibibyte = 1024;

std::string_view without_blanks(std::string_view text) {
  return text.substr(std::min(text.find_first_not_of(" \t"), text.size()));
}

std::optional<std::uint64_t> leading_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end == text.data()) return std::nullopt;
  return value;
}

std::uint64_t to_microseconds(std::uint64_t ticks) {
  const long rate = ::sysconf(_SC_CLK_TCK);
  return ticks * kMicroseconds / static_cast<std::uint64_t>(rate > 0 ? rate : 100);
}

// A cgroup with zero CPU time has run no process of the command.
bool add_cpu_of_cgroup(int cgroup, CommandStats& stats) {
  const std::string lines = content_of("cpu.stat", cgroup);
  if (number_after(lines, "usage_usec").value_or(0) == 0) return false;
  stats.cpu_user = number_after(lines, "user_usec").value_or(0);
  stats.cpu_system = number_after(lines, "system_usec").value_or(0);
  stats.cpu_from = UsageSource::cgroup;
  return true;
}

void add_memory_of_cgroup(int cgroup, CommandStats& stats) {
  const auto peak = leading_number(content_of("memory.peak", cgroup));
  if (!peak) return;
  stats.memory_peak = *peak;
  stats.memory_from = UsageSource::cgroup;
}

CpuTicks ticks_of(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/stat";
  return parse_cpu_ticks(content_of(path)).value_or(CpuTicks{});
}

void add_cpu_of_processes(const std::vector<pid_t>& pids, pid_t guardian, CommandStats& stats) {
  const CpuTicks ended = ticks_of(guardian);
  std::uint64_t user = ended.children_user;
  std::uint64_t system = ended.children_system;
  for (const pid_t pid : pids) {
    const CpuTicks ticks = ticks_of(pid);
    user += ticks.user + ticks.children_user;
    system += ticks.system + ticks.children_system;
  }
  stats.cpu_user = to_microseconds(user);
  stats.cpu_system = to_microseconds(system);
}

void add_memory_of_processes(const std::vector<pid_t>& pids, CommandStats& stats) {
  for (const pid_t pid : pids) {
    const std::string lines = content_of("/proc/" + std::to_string(pid) + "/status");
    stats.memory_peak += number_after(lines, "VmHWM:").value_or(0) * kKibibyte;
  }
}

}  // namespace

std::optional<CpuTicks> parse_cpu_ticks(std::string_view stat) {
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string_view::npos) return std::nullopt;
  std::string_view rest = stat.substr(name_end + 1);
  // utime is field 14; the name is field 2.
  for (int field = 3; field < 14; ++field) {
    rest = without_blanks(rest);
    rest.remove_prefix(std::min(rest.find(' '), rest.size()));
  }
  std::array<std::uint64_t, 4> values{};
  for (std::uint64_t& value : values) {
    rest = without_blanks(rest);
    const auto number = leading_number(rest);
    if (!number) return std::nullopt;
    value = *number;
    rest.remove_prefix(std::min(rest.find(' '), rest.size()));
  }
  return CpuTicks{values[0], values[1], values[2], values[3]};
}

std::optional<std::uint64_t> number_after(std::string_view lines, std::string_view name) {
  while (!lines.empty()) {
    std::string_view line = lines.substr(0, lines.find('\n'));
    lines.remove_prefix(std::min(line.size() + 1, lines.size()));
    if (!line.starts_with(name)) continue;
    line.remove_prefix(name.size());
    const std::string_view number = without_blanks(line);
    if (number.size() < line.size()) return leading_number(number);
  }
  return std::nullopt;
}

CommandStats stats_of(int cgroup, pid_t guardian) {
  CommandStats stats;
  const bool has_cgroup = cgroup >= 0 && add_cpu_of_cgroup(cgroup, stats);
  if (has_cgroup) add_memory_of_cgroup(cgroup, stats);
  if (stats.memory_from == UsageSource::cgroup) return stats;
  const std::vector<pid_t> pids = processes_below(guardian);
  if (!has_cgroup) add_cpu_of_processes(pids, guardian, stats);
  add_memory_of_processes(pids, stats);
  return stats;
}

}  // namespace lookout
