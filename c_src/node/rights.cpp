#include "node/rights.h"

#include <algorithm>
#include <array>

#include "node/dist_terms.h"

namespace lookout {
namespace {

constexpr std::array<std::string_view, 8> kCommandRequests{
    "spawn", "stdin", "close_stdin", "signal", "stop", "resize", "stats", "read"};

std::optional<std::string_view> name_of(std::string_view payload) {
  DistReader reader(payload);
  return reader.version() && reader.tuple() ? reader.atom() : std::nullopt;
}

Error no_cursor(const char* operation) {
  return Error{"not_allowed", operation, "",
               "a node writes no snapshots; open a session with a name, which is resumed"};
}

}  // namespace

bool is_command_request(std::string_view payload) {
  const auto name = name_of(payload);
  return name && std::find(kCommandRequests.begin(), kCommandRequests.end(), *name) !=
                     kCommandRequests.end();
}

bool is_ping_request(std::string_view payload) {
  return name_of(payload) == "ping";
}

void RestrictedWatching::watch(const std::vector<std::string>& paths, const WatchOptions& options,
                               Engine::DoneHandler done) {
  if (options.backend == Backend::fswatch && !commands_) {
    return done(Error{"not_allowed", "watch", paths.empty() ? "" : paths.front(),
                      "backend: :fswatch runs a program, and this node was started without "
                      "--commands; use another :backend"});
  }
  engine_.watch(paths, options, std::move(done));
}

void RestrictedWatching::watch_from(const std::vector<std::string>& /*paths*/,
                                    const WatchOptions& /*options*/, const CursorStart& /*start*/,
                                    Engine::SeqHandler done) {
  done(no_cursor("watch"));
}

void RestrictedWatching::save(const std::string& /*name*/, Engine::SeqHandler done) {
  done(no_cursor("save"));
}

Error RefusedCommanding::none(const char* operation) const {
  return Error{"not_allowed", operation, "", detail_};
}

void RefusedCommanding::spawn(const LaunchSpec& /*spec*/, SpawnHandler done) {
  done(none("spawn"));
}

Result<Done> RefusedCommanding::write(std::string_view /*bytes*/) {
  return none("write");
}

Result<Done> RefusedCommanding::close_input() {
  return none("close_input");
}

void RefusedCommanding::signal(int /*number*/, DoneHandler done) {
  done(none("signal"));
}

void RefusedCommanding::stop(std::chrono::milliseconds /*grace*/, DoneHandler done) {
  done(none("stop"));
}

Result<Done> RefusedCommanding::resize(WindowSize /*size*/) {
  return none("resize");
}

Result<CommandStats> RefusedCommanding::stats() {
  return none("stats");
}

}  // namespace lookout
