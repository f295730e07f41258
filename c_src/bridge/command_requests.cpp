#include "bridge/command_requests.h"

#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>
#include <variant>
#include <vector>

#include "bridge/wire_path.h"
#include "command/signals.h"

namespace lookout {
namespace {

using std::chrono::milliseconds;

bool holds_nul(std::string_view text) {
  return text.find('\0') != std::string_view::npos;
}

std::optional<std::string> read_text(TermReader& reader) {
  auto text = reader.binary();
  if (!text || holds_nul(*text)) return std::nullopt;
  return text;
}

bool read_path(TermReader& reader, std::string& path) {
  const auto raw = reader.binary();
  if (!raw) return false;
  Result<std::string> taken = take_path(*raw, "spawn");
  if (std::holds_alternative<Error>(taken)) return false;
  path = std::get<std::string>(std::move(taken));
  return true;
}

std::optional<std::uint64_t> read_up_to(TermReader& reader, std::uint64_t most) {
  const auto value = reader.natural();
  if (!value || *value > most) return std::nullopt;
  return value;
}

// Calls `read_one` for each element. Returns false if one is refused, or if the term is not a
// proper list.
template <class ReadOne>
bool read_list(TermReader& reader, ReadOne read_one) {
  const auto count = reader.list();
  if (!count || static_cast<std::size_t>(*count) > kMaxArguments) return false;
  for (int i = 0; i < *count; ++i) {
    if (!read_one()) return false;
  }
  return *count == 0 || reader.empty_list();
}

bool read_variable(TermReader& reader, LaunchSpec& spec) {
  if (reader.tuple() != 2) return false;
  auto name = read_text(reader);
  if (!name || name->empty() || name->find('=') != std::string::npos) return false;
  if (auto value = reader.binary()) {
    if (holds_nul(*value)) return false;
    spec.environment.push_back({std::move(*name), std::move(*value)});
    return true;
  }
  spec.environment.push_back({std::move(*name), std::nullopt});
  return reader.atom() == "nil";
}

struct NamedTarget {
  std::string_view name;
  OutputTarget::Kind kind;
};

constexpr std::array<NamedTarget, 4> kTargets{{
    {"pipe", OutputTarget::Kind::pipe},
    {"null", OutputTarget::Kind::null},
    {"inherit", OutputTarget::Kind::inherit},
    {"stdout", OutputTarget::Kind::merge},
}};

bool read_target(TermReader& reader, OutputTarget& target) {
  if (reader.tuple() == 2) {
    const auto kind = reader.atom();
    target.kind = kind == "append" ? OutputTarget::Kind::file_appended : OutputTarget::Kind::file;
    return (kind == "append" || kind == "file") && read_path(reader, target.path);
  }
  const auto name = reader.atom();
  const auto* found =
      std::find_if(kTargets.begin(), kTargets.end(),
                   [&name](const NamedTarget& known) { return known.name == name; });
  if (found == kTargets.end()) return false;
  target.kind = found->kind;
  return true;
}

struct NamedLimit {
  std::string_view name;
  int resource;
};

constexpr std::array<NamedLimit, 16> kLimits{{
    {"as", RLIMIT_AS},
    {"core", RLIMIT_CORE},
    {"cpu", RLIMIT_CPU},
    {"data", RLIMIT_DATA},
    {"fsize", RLIMIT_FSIZE},
    {"locks", RLIMIT_LOCKS},
    {"memlock", RLIMIT_MEMLOCK},
    {"msgqueue", RLIMIT_MSGQUEUE},
    {"nice", RLIMIT_NICE},
    {"nofile", RLIMIT_NOFILE},
    {"nproc", RLIMIT_NPROC},
    {"rss", RLIMIT_RSS},
    {"rtprio", RLIMIT_RTPRIO},
    {"rttime", RLIMIT_RTTIME},
    {"sigpending", RLIMIT_SIGPENDING},
    {"stack", RLIMIT_STACK},
}};

std::optional<rlim_t> read_limit_value(TermReader& reader) {
  if (const auto value = reader.natural()) return *value;
  if (reader.atom() == "infinity") return RLIM_INFINITY;
  return std::nullopt;
}

bool read_limit(TermReader& reader, LaunchSpec& spec) {
  if (reader.tuple() != 3) return false;
  const auto name = reader.atom();
  const auto* found = std::find_if(kLimits.begin(), kLimits.end(),
                                   [&name](const NamedLimit& known) { return known.name == name; });
  if (found == kLimits.end()) return false;
  const auto soft = read_limit_value(reader);
  const auto hard = soft ? read_limit_value(reader) : std::nullopt;
  if (!hard) return false;
  spec.limits.push_back({found->resource, *soft, *hard});
  return true;
}

constexpr std::uint64_t kMaxWindow = 65'535;
constexpr std::string_view kWindowExpected = "{rows, columns}, each from 1 to 65535";

std::optional<WindowSize> read_window(TermReader& reader) {
  if (reader.tuple() != 2) return std::nullopt;
  const auto rows = read_up_to(reader, kMaxWindow);
  const auto columns = rows ? read_up_to(reader, kMaxWindow) : std::nullopt;
  if (!columns || *rows == 0 || *columns == 0) return std::nullopt;
  return WindowSize{static_cast<std::uint16_t>(*rows), static_cast<std::uint16_t>(*columns)};
}

std::optional<std::uint64_t> read_bytes_credit(TermReader& reader) {
  if (const auto bytes = reader.natural()) return bytes;
  if (reader.atom() == "infinity") return kUnlimitedBytes;
  return std::nullopt;
}

constexpr std::string_view kSignalExpected =
    "a signal: its name as :term, or its number from 1 to 64";

std::optional<int> read_signal_number(TermReader& reader) {
  if (const auto number = reader.natural()) {
    if (*number < 1 || *number > kMaxSignal) return std::nullopt;
    return static_cast<int>(*number);
  }
  const auto name = reader.atom();
  return name ? signal_number(*name) : std::nullopt;
}

// The system calls use the largest number for "no change".
constexpr std::uint64_t kMaxAccountId = std::numeric_limits<std::uint32_t>::max() - 1;
constexpr std::string_view kAccountExpected =
    "a name as a binary, not empty and without NUL, or a number from 0 to 4294967294";

std::optional<NameOrId> read_account(TermReader& reader) {
  if (auto name = read_text(reader)) {
    if (name->empty()) return std::nullopt;
    return std::move(*name);
  }
  const auto id = read_up_to(reader, kMaxAccountId);
  if (!id) return std::nullopt;
  return static_cast<id_t>(*id);
}

constexpr std::string_view kBytesExpected = "a number of bytes, 0 or more, or :infinity";
constexpr std::string_view kWaitExpected = "milliseconds, 0 to 3600000";
constexpr std::string_view kLingerExpected = "milliseconds, 0 to 3600000, or :infinity";

constexpr std::uint64_t kLeastCpu = 1000;  // microseconds: the minimum of the kernel
constexpr std::string_view kCgroupExpected =
    "true, false, or a list, not empty, of {:memory_max, bytes}, {:cpu_max, microseconds} (1000 or "
    "more, in each 100 ms) and {:pids_max, count}, each 1 or more,";

bool read_cgroup_limit(TermReader& reader, CgroupLimits& limits) {
  if (reader.tuple() != 2) return false;
  const auto name = reader.atom();
  const auto value = reader.natural();
  if (!value || *value == 0) return false;
  if (name == "memory_max") limits.memory_max = *value;
  if (name == "cpu_max") limits.cpu_max = *value;
  if (name == "pids_max") limits.pids_max = *value;
  if (name == "cpu_max") return *value >= kLeastCpu;
  return name == "memory_max" || name == "pids_max";
}

bool read_cgroup(TermReader& reader, LaunchSpec& spec) {
  if (read_boolean(reader, spec.cgroup)) return true;
  return read_list(reader, [&] { return read_cgroup_limit(reader, spec.cgroup_limits); }) &&
         spec.cgroup_limits.any();
}

using SpawnRule = OptionRule<SpawnRequest>;

constexpr std::array<SpawnRule, 17> kSpawnOptions{{
    {"env", "a list of {name, value or nil}, binaries without NUL, names not empty and without =,",
     [](TermReader& in, SpawnRequest& out) {
       return read_list(in, [&] { return read_variable(in, out.spec); });
     },
     false, Contents::hidden},
    {"clear_env", "true or false",
     [](TermReader& in, SpawnRequest& out) {
       return read_boolean(in, out.spec.clear_environment);
     }},
    {"cd", "an absolute path as a binary, without .. parts",
     [](TermReader& in, SpawnRequest& out) { return read_path(in, out.spec.directory); }},
    {"stdin", ":null or :pipe",
     [](TermReader& in, SpawnRequest& out) {
       const auto atom = in.atom();
       out.spec.input = atom == "pipe";
       return atom == "null" || atom == "pipe";
     }},
    {"stdout", ":pipe, :null, :inherit, {:file, path} or {:append, path}",
     [](TermReader& in, SpawnRequest& out) {
       return read_target(in, out.spec.output) && out.spec.output.kind != OutputTarget::Kind::merge;
     }},
    {"stderr", ":pipe, :stdout, :null, :inherit, {:file, path} or {:append, path}",
     [](TermReader& in, SpawnRequest& out) { return read_target(in, out.spec.errors); }},
    {"pty", kWindowExpected,
     [](TermReader& in, SpawnRequest& out) {
       out.spec.terminal = read_window(in);
       return out.spec.terminal.has_value();
     }},
    {"rlimits",
     "a list of {name, soft, hard} with limits of getrlimit(2) as :nofile and numbers or :infinity",
     [](TermReader& in, SpawnRequest& out) {
       return read_list(in, [&] { return read_limit(in, out.spec); });
     }},
    {"nice", "an integer from -20 to 19",
     [](TermReader& in, SpawnRequest& out) {
       const auto value = in.integer();
       if (!value || *value < -20 || *value > 19) return false;
       out.spec.nice = static_cast<int>(*value);
       return true;
     }},
    {"user", kAccountExpected,
     [](TermReader& in, SpawnRequest& out) {
       out.spec.user = read_account(in);
       return out.spec.user.has_value();
     }},
    {"group", kAccountExpected,
     [](TermReader& in, SpawnRequest& out) {
       out.spec.group = read_account(in);
       return out.spec.group.has_value();
     }},
    {"groups", "a list of names as binaries, or numbers from 0 to 4294967294,",
     [](TermReader& in, SpawnRequest& out) {
       auto& groups = out.spec.groups.emplace();
       if (const auto ids = in.small_integers()) {
         for (const char id : *ids) groups.emplace_back(id_t{static_cast<unsigned char>(id)});
         return true;
       }
       return read_list(in, [&] {
         auto group = read_account(in);
         if (group) groups.push_back(std::move(*group));
         return group.has_value();
       });
     }},
    {"linger", kLingerExpected,
     [](TermReader& in, SpawnRequest& out) {
       const auto value = read_up_to(in, kMaxWait);
       if (value) out.spec.linger = milliseconds(*value);
       if (value) return true;
       out.spec.linger.reset();
       return in.atom() == "infinity";
     }},
    {"grace", kWaitExpected,
     [](TermReader& in, SpawnRequest& out) {
       const auto value = read_up_to(in, kMaxWait);
       out.spec.grace = milliseconds(value.value_or(0));
       return value.has_value();
     }},
    {"stop_signal", kSignalExpected,
     [](TermReader& in, SpawnRequest& out) {
       const auto number = read_signal_number(in);
       out.spec.stop_signal = number.value_or(0);
       return number.has_value();
     }},
    {"cgroup", kCgroupExpected,
     [](TermReader& in, SpawnRequest& out) { return read_cgroup(in, out.spec); }},
    {"credit", kBytesExpected,
     [](TermReader& in, SpawnRequest& out) {
       const auto value = read_bytes_credit(in);
       out.credit = value.value_or(0);
       return value.has_value();
     }},
}};

}  // namespace

std::optional<SpawnRequest> read_spawn(Fields& fields, RequestId id) {
  SpawnRequest request;
  request.id = id;
  TermReader& reader = fields.reader();
  const std::string_view at = reader.rest();
  std::vector<std::string>& argv = request.spec.argv;
  const bool taken = read_list(reader, [&] {
    auto word = read_text(reader);
    if (word) argv.push_back(std::move(*word));
    return word.has_value();
  });
  if (!taken || argv.empty()) {
    return fields.refuse(
        "a program and its arguments as a list of 1 to 65536 binaries without a NUL byte", at);
  }
  if (!read_options(fields, kSpawnOptions, request)) return std::nullopt;
  if (!request.spec.linger && request.spec.cgroup_limits.any()) {
    return fields.refuse_with(
        "limits of a cgroup end with the command, and with linger: :infinity its processes do not");
  }
  return request;
}

std::optional<InputRequest> read_input(Fields& fields) {
  const std::string_view at = fields.reader().rest();
  auto bytes = fields.reader().binary();
  if (!bytes) return fields.refuse("a binary", at, Contents::hidden);
  return InputRequest{std::move(*bytes)};
}

std::optional<SignalRequest> read_signal(Fields& fields, RequestId id) {
  TermReader& reader = fields.reader();
  const std::string_view at = reader.rest();
  const auto number = read_signal_number(reader);
  if (!number) return fields.refuse(kSignalExpected, at);
  return SignalRequest{id, *number};
}

std::optional<StopRequest> read_stop(Fields& fields, RequestId id) {
  const std::string_view at = fields.reader().rest();
  const auto grace = read_up_to(fields.reader(), kMaxWait);
  if (!grace) return fields.refuse(kWaitExpected, at);
  return StopRequest{id, milliseconds(*grace)};
}

std::optional<ResizeRequest> read_resize(Fields& fields, RequestId id) {
  const std::string_view at = fields.reader().rest();
  const auto size = read_window(fields.reader());
  if (!size) return fields.refuse(kWindowExpected, at);
  return ResizeRequest{id, *size};
}

std::optional<ReadRequest> read_read(Fields& fields) {
  TermReader& reader = fields.reader();
  const std::string_view stream_at = reader.rest();
  const auto name = reader.atom();
  if (name != "stdout" && name != "stderr") return fields.refuse(":stdout or :stderr", stream_at);
  const std::string_view at = reader.rest();
  const auto bytes = read_bytes_credit(reader);
  if (!bytes) return fields.refuse(kBytesExpected, at);
  return ReadRequest{name == "stdout" ? OutputStreamName::output : OutputStreamName::errors,
                     *bytes};
}

}  // namespace lookout
