#include "command/preparation.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <utility>
#include <vector>

#include "command/environment.h"
#include "command/launch_error.h"
#include "command/program_search.h"

namespace lookout {
namespace {

constexpr mode_t kNewFileMode = 0666;  // minus the umask
constexpr int kPipeSize = 256 * 1024;  // four chunks: fewer context switches

struct PipeEnds {
  UniqueFd reading;
  UniqueFd writing;
};

bool set_nonblocking(const UniqueFd& fd) {
  return ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK) == 0;
}

bool set_blocking(const UniqueFd& fd) {
  return ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) & ~O_NONBLOCK) == 0;
}

std::optional<PipeEnds> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return std::nullopt;
  // If the user has reached the limit of pipe memory (pipe(7)), the pipe keeps its size.
  ::fcntl(ends[0], F_SETPIPE_SZ, kPipeSize);
  return PipeEnds{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

class Streams {
 public:
  explicit Streams(Preparation& preparation) : preparation_(preparation) {}

  // Returns nothing, or the step that failed; path() then returns its path.
  std::optional<LaunchFailure> open(const LaunchSpec& spec) {
    if (spec.terminal) return open_terminal(*spec.terminal);
    if (auto failure = open_input(spec)) return failure;
    if (auto failure = open_output(spec.output, 1, preparation_.output)) return failure;
    if (spec.errors.kind == OutputTarget::Kind::merge) return duplicate(standard(1).get(), 2);
    return open_output(spec.errors, 2, preparation_.errors);
  }

  const std::string& path() const { return path_; }

  // Makes the user of the command the owner of its pipes and its terminal, so that it may open them
  // by name (/dev/stdout, /dev/tty). Ignores failures. The group of a terminal stays "tty".
  void give_to(const Credentials& credentials) {
    if (!credentials.user) return;
    for (const std::size_t number : made_) {
      if (::fchown(standard(number).get(), *credentials.user, static_cast<gid_t>(-1)) != 0)
        errno = 0;
    }
  }

 private:
  static LaunchFailure failed() { return {LaunchStep::redirect, errno}; }
  UniqueFd& standard(std::size_t number) { return preparation_.standard.at(number); }

  std::optional<LaunchFailure> duplicate(int fd, std::size_t number) {
    standard(number).reset(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
    if (!standard(number)) return failed();
    return std::nullopt;
  }

  std::optional<LaunchFailure> open_file(const std::string& path, int flags, std::size_t number) {
    path_ = path;
    // O_NONBLOCK: opening a named pipe without a reader would block.
    standard(number).reset(
        ::open(path.c_str(), flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, kNewFileMode));
    if (!standard(number) || !set_blocking(standard(number))) return failed();
    return std::nullopt;
  }

  std::optional<LaunchFailure> open_input(const LaunchSpec& spec) {
    if (!spec.input) return open_file("/dev/null", O_RDONLY, 0);
    auto pipe = make_pipe();
    if (!pipe || !set_nonblocking(pipe->writing)) return failed();
    preparation_.input = std::move(pipe->writing);
    standard(0) = std::move(pipe->reading);
    made_.push_back(0);
    return std::nullopt;
  }

  std::optional<LaunchFailure> open_output(const OutputTarget& target, std::size_t number,
                                           UniqueFd& ours) {
    switch (target.kind) {
      case OutputTarget::Kind::null:
        return open_file("/dev/null", O_WRONLY, number);
      case OutputTarget::Kind::file:
        return open_file(target.path, O_WRONLY | O_CREAT | O_TRUNC, number);
      case OutputTarget::Kind::file_appended:
        return open_file(target.path, O_WRONLY | O_CREAT | O_APPEND, number);
      case OutputTarget::Kind::inherit:
        return duplicate(STDERR_FILENO, number);
      case OutputTarget::Kind::merge:
      case OutputTarget::Kind::pipe:
        break;
    }
    auto pipe = make_pipe();
    if (!pipe || !set_nonblocking(pipe->reading)) return failed();
    ours = std::move(pipe->reading);
    standard(number) = std::move(pipe->writing);
    made_.push_back(number);
    return std::nullopt;
  }

  // /dev/pts/N need not be the terminal of this master. Use the name only on kernels before
  // TIOCGPTPEER (Linux 4.13).
  std::optional<LaunchFailure> open_terminal_of(const UniqueFd& master) {
    standard(0).reset(::ioctl(master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (standard(0)) return std::nullopt;
    if (errno != ENOTTY && errno != EINVAL) return failed();
    std::array<char, 128> name{};
    if (::ptsname_r(master.get(), name.data(), name.size()) != 0) return failed();
    return open_file(name.data(), O_RDWR, 0);
  }

  std::optional<LaunchFailure> open_terminal(WindowSize size) {
    UniqueFd master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (!master || ::grantpt(master.get()) != 0 || ::unlockpt(master.get()) != 0) return failed();
    const winsize window{size.rows, size.columns, 0, 0};
    if (::ioctl(master.get(), TIOCSWINSZ, &window) != 0) return failed();
    if (auto failure = open_terminal_of(master)) return failure;
    for (const std::size_t number : {1U, 2U}) {
      if (auto failure = duplicate(standard(0).get(), number)) return failure;
    }
    preparation_.plan.terminal = true;
    made_.push_back(0);
    preparation_.input.reset(::fcntl(master.get(), F_DUPFD_CLOEXEC, 3));
    if (!preparation_.input || !set_nonblocking(master)) return failed();
    preparation_.output = std::move(master);
    return std::nullopt;
  }

  Preparation& preparation_;
  std::string path_;
  std::vector<std::size_t> made_;  // standard streams that are pipes or a terminal made here
};

}  // namespace

Result<Preparation> prepare_launch(const LaunchSpec& spec) {
  Preparation preparation;
  LaunchPlan& plan = preparation.plan;
  preparation.directory.reset(::open(spec.directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!preparation.directory) {
    return launch_error({LaunchStep::change_dir, errno}, spec.directory);
  }
  Result<std::optional<Account>> account = find_account(spec);
  if (auto* error = std::get_if<Error>(&account)) return std::move(*error);
  const auto& found = std::get<std::optional<Account>>(account);
  if (found) plan.credentials = found->credentials;
  plan.environment = make_environment(
      environ, spec, found ? found->environment : std::vector<EnvironmentChange>{});
  plan.program = {spec.argv.front(), std::string(value_of("PATH", plan.environment)),
                  spec.directory};
  Streams streams(preparation);
  if (const auto failure = streams.open(spec)) return launch_error(*failure, streams.path());
  if (plan.credentials) streams.give_to(*plan.credentials);
  plan.argv = spec.argv;
  plan.directory = preparation.directory.get();
  for (std::size_t i = 0; i < 3; ++i) plan.standard.at(i) = preparation.standard.at(i).get();
  // If the guardian held the master side of a terminal, the end of lookout_port would not hang it
  // up.
  if (!plan.terminal) plan.outputs = {preparation.output.get(), preparation.errors.get()};
  plan.limits = spec.limits;
  plan.nice = spec.nice;
  if (spec.cgroup_limits.any()) {
    Result<Cgroup> limited = Cgroup::make(spec.cgroup_limits);
    if (auto* error = std::get_if<Error>(&limited)) return std::move(*error);
    preparation.cgroup = std::get<Cgroup>(std::move(limited));
    plan.needs_cgroup = true;
    plan.pids_max = spec.cgroup_limits.pids_max;
  } else if (spec.cgroup && spec.linger) {
    // Without `linger`, processes that outlive the command would keep its cgroup.
    preparation.cgroup = Cgroup::make();
  }
  if (preparation.cgroup) {
    plan.cgroup = preparation.cgroup->directory();
    plan.cgroup_path = preparation.cgroup->path();
  }
  return preparation;
}

}  // namespace lookout
