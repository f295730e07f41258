#include "inotifywait/inotifywait.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <utility>
#include <variant>

#include "inotifywait/arguments.h"
#include "inotifywait/event_lines.h"
#include "inotifywait/line_output.h"
#include "support/error.h"
#include "support/unique_fd.h"
#include "watch/engine.h"
#include "watch/model/entry.h"
#include "watch/model/watch_options.h"

namespace lookout::inotifywait {
namespace {

constexpr int kFirstFree = 3;

// The package file_system starts this program through a shell wrapper. The wrapper kills it when
// the reader of its output is gone, and prints an error if it has already exited.
constexpr std::chrono::milliseconds kTimeToBeKilled{500};

constexpr std::string_view kUsage =
    "Usage: lookout_port inotifywait -m [-r] [-q] [-e EVENT]... [--format FORMAT] PATH...\n"
    "Watches as Lookout does and prints a line for each event, as inotifywait --monitor does.\n"
    "\n"
    "  -m, --monitor     required: it ends when nobody reads its output\n"
    "  -r, --recursive   what is below the directories, too\n"
    "  -q, --quiet       do not print when the watches are established\n"
    "  -e, --event E     create, modify, close_write, close, attrib, moved_from, moved_to, move,\n"
    "                    delete; several with commas between, or by several -e; all unless given\n"
    "  --format F        of %w, %f, %e, %Xe, %0, %n and %%, as inotifywait has them\n";

void complain(std::string_view text) {
  const std::string line = "lookout_port inotifywait: " + std::string(text) + '\n';
  std::fwrite(line.data(), 1, line.size(), stderr);
}

std::string described(const Error& error) {
  std::string text = error.path;
  for (const std::string& part : {error.operation, error.detail}) {
    if (part.empty() || part == "inotifywait") continue;
    text += (text.empty() ? "" : ": ") + part;
  }
  return text;
}

class Monitor : private Listener {
 public:
  Monitor(boost::asio::io_context& io, UniqueFd output, EventLines lines)
      : io_(io),
        lines_(std::move(lines)),
        output_(
            io, std::move(output), [this] { engine_.resume(); }, [this] { end_later(); }),
        end_timer_(io),
        engine_(io, *this) {}

  void watch(const std::vector<WatchedPath>& paths, const Arguments& arguments) {
    std::vector<std::string> absolute;
    absolute.reserve(paths.size());
    for (const WatchedPath& path : paths) {
      absolute.push_back(path.absolute.empty() ? "/" : path.absolute);
    }
    WatchOptions options;
    options.recursive = arguments.recursive;
    options.wait_for_missing = true;
    engine_.grant(Engine::kUnlimited);
    engine_.watch(absolute, options, [this, quiet = arguments.quiet](const Result<Done>& done) {
      if (const auto* error = std::get_if<Error>(&done)) {
        complain(described(*error));
        status_ = EXIT_FAILURE;
        io_.stop();
      } else if (!quiet) {
        complain("Watches established.");
      }
    });
  }

  int status() const { return status_; }
  bool is_stuck() const { return engine_.is_stuck(); }

 private:
  void on_events(std::uint64_t /*seq*/, const std::vector<Event>& events) override {
    std::string text;
    int left_out = 0;
    for (const Event& event : events) left_out += lines_.append(event, text);
    if (left_out > 0) complain("a path is too long for a line; its events are left out");
    output_.write(text);
  }

  // The other notices need no message: a rescan, polling or waiting for the directory covers them.
  void on_notice(Notice notice) override {
    if (const auto* unreadable = std::get_if<UnreadableNotice>(&notice)) {
      complain(unreadable->dir + ": cannot be read (" + unreadable->reason +
               "); its changes are not reported until it can");
    } else if (const auto* unwatched = std::get_if<UnwatchedNotice>(&notice)) {
      complain(unwatched->dir + ": is on a pseudo file system (" + unwatched->file_system +
               "); its changes are not reported");
    } else if (const auto* omitted = std::get_if<OmittedNotice>(&notice)) {
      complain(omitted->dir + ": " + std::to_string(omitted->count) +
               " more notices of entries at or below it are left out");
    }
  }

  bool has_room() const override { return output_.has_room(); }

  void end_later() {
    end_timer_.expires_after(kTimeToBeKilled);
    end_timer_.async_wait([this](const boost::system::error_code& error) {
      if (!error) io_.stop();
    });
  }

  boost::asio::io_context& io_;
  EventLines lines_;
  LineOutput output_;
  boost::asio::steady_timer end_timer_;
  Engine engine_;
  int status_ = EXIT_SUCCESS;
};

// A shell starts background processes with some signals ignored. file_system and others end this
// process with SIGTERM.
void end_on_sigterm() {
  std::signal(SIGTERM, SIG_DFL);
  sigset_t term;
  ::sigemptyset(&term);
  ::sigaddset(&term, SIGTERM);
  ::pthread_sigmask(SIG_UNBLOCK, &term, nullptr);
}

std::vector<WatchedPath> watched_paths(const std::vector<std::string>& given) {
  std::error_code unknown;  // absolute paths need no working directory
  const std::string directory = std::filesystem::current_path(unknown).native();
  std::vector<WatchedPath> paths;
  for (const std::string& path : given) {
    WatchedPath watched = watched_path(path, directory);
    if (std::ranges::find(paths, watched.absolute, &WatchedPath::absolute) == paths.end()) {
      paths.push_back(std::move(watched));
    }
  }
  return paths;
}

int watch(const Arguments& arguments) {
  UniqueFd output(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, kFirstFree));
  if (!output) {
    complain(described(errno_error(errno, "dup", "standard output")));
    return EXIT_FAILURE;
  }
  end_on_sigterm();
  std::signal(SIGPIPE, SIG_IGN);
  const auto paths = watched_paths(arguments.paths);
  // Do not keep the start directory in use.
  if (::chdir("/") != 0) complain("cannot change to /");
  boost::asio::io_context io(1);
  Monitor monitor(io, std::move(output), EventLines(paths, arguments.kinds, arguments.format));
  monitor.watch(paths, arguments);
  io.run();
  if (monitor.is_stuck()) std::_Exit(monitor.status());
  return monitor.status();
}

}  // namespace

int run(const std::vector<std::string>& arguments) {
  const auto parsed = parse_arguments(arguments);
  if (const auto* error = std::get_if<Error>(&parsed)) {
    complain(described(*error));
    return EXIT_FAILURE;
  }
  const auto& wanted = std::get<Arguments>(parsed);
  if (!wanted.help) return watch(wanted);
  std::fwrite(kUsage.data(), 1, kUsage.size(), stdout);
  return EXIT_SUCCESS;
}

}  // namespace lookout::inotifywait
