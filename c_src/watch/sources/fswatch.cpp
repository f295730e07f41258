#include "watch/sources/fswatch.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>
#include <variant>

#include "command/environment.h"
#include "command/program_search.h"

namespace lookout {
namespace {

constexpr std::uint64_t kWindow = 256 * 1024;  // bytes of output credit
constexpr std::size_t kLongestPath = 1024 * 1024;
constexpr std::chrono::milliseconds kRestartPause{1000};
constexpr const char* kName = "fswatch";

LaunchSpec spec_for(const std::vector<Fswatch::WatchedPath>& places) {
  LaunchSpec spec;
  // Paths end in NUL; 0.1 s is the shortest latency of fswatch. Without a selection of events it
  // would also print the paths that `lookout_port` itself opens. Reports of overflows are not
  // requested: fswatch then exits on an overflow.
  spec.argv = {kName, "--print0", "--recursive", "--latency", "0.1"};
  for (const char* event : {"Created", "Updated", "Removed", "Renamed", "OwnerModified",
                            "AttributeModified", "MovedFrom", "MovedTo", "Link"}) {
    spec.argv.insert(spec.argv.end(), {"--event", event});
  }
  spec.argv.emplace_back("--");
  for (const Fswatch::WatchedPath& place : places) spec.argv.push_back(place.path);
  spec.errors.kind = OutputTarget::Kind::null;
  return spec;
}

}  // namespace

Fswatch::Fswatch(boost::asio::io_context& io, std::function<void(const std::string&)> printed,
                 std::function<void()> ended)
    : printed_(std::move(printed)), ended_(std::move(ended)), command_(io, *this), again_(io) {}

std::optional<Error> Fswatch::missing() {
  const auto environment = make_environment(::environ, {});
  std::string found;
  const ProgramSearch search{kName, std::string(value_of("PATH", environment)), "/"};
  if (find_program(search, found) != nullptr) return std::nullopt;
  return Error{errno_name(errno), "watch", kName,
               "the program fswatch is not to be found in PATH; install it, or use another "
               ":backend"};
}

void Fswatch::follow(std::vector<WatchedPath> places) {
  if (places == wanted_) return;
  wanted_ = std::move(places);
  if (state_ == State::ended) start();
  if (state_ == State::running) end();
}

void Fswatch::start() {
  if (wanted_.empty()) return;
  again_.cancel();
  followed_ = wanted_;
  line_.clear();
  state_ = State::starting;
  command_.spawn(spec_for(followed_), [this](const Result<std::uint64_t>& result) {
    if (std::holds_alternative<Error>(result)) return failed();
    state_ = State::running;
    command_.grant(OutputStreamName::output, kWindow);
    if (wanted_ != followed_) end();
  });
}

void Fswatch::end() {
  state_ = State::ending;
  command_.stop(std::chrono::milliseconds(0), [](const Result<Done>&) {});
}

void Fswatch::failed() {
  state_ = State::ended;
  if (!std::exchange(end_told_, true)) ended_();
  again_.set(kRestartPause, [this] {
    if (state_ == State::ended) start();
  });
}

void Fswatch::on_output(OutputStreamName /*stream*/, std::string_view bytes) {
  command_.grant(OutputStreamName::output, bytes.size());
  if (state_ != State::running) return;
  end_told_ = false;
  while (!bytes.empty()) {
    const std::size_t length = std::min(bytes.find('\0'), bytes.size());
    line_.append(bytes.substr(0, length));
    if (length < bytes.size()) printed_(std::exchange(line_, {}));
    bytes.remove_prefix(std::min(length + 1, bytes.size()));
  }
  if (line_.size() > kLongestPath) line_.clear();  // too long for a path
}

void Fswatch::on_exit(const CommandEnd& /*end*/) {
  const bool asked = state_ == State::ending;
  state_ = State::ended;
  if (asked) return start();
  failed();
}

}  // namespace lookout
