#include "watch/watcher.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <stdexcept>
#include <type_traits>

#include "oracle/visible.h"

namespace lookout {
namespace {

// How long an answer may take before it counts as never given. No measure of speed.
constexpr std::chrono::seconds kPatience{60};

constexpr std::array<const char*, 5> kChanges{"created", "modified", "attributes", "deleted",
                                              "renamed"};

bool exists(const std::string& path) {
  struct stat seen {};
  return ::stat(path.c_str(), &seen) == 0;
}

}  // namespace

Watcher::Watcher(std::string home, std::uint64_t credit)
    : home_(std::move(home)), engine_(io_, *this) {
  engine_.grant(credit);
}

void Watcher::until(const std::string& what, const std::function<bool()>& reached) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!reached()) {
    io_.restart();
    io_.run_one_for(std::chrono::milliseconds(100));
    if (std::chrono::steady_clock::now() > deadline) {
      throw std::runtime_error("waited in vain until " + what +
                               "; told so far: " + testing::PrintToString(told_));
    }
  }
}

std::optional<Error> Watcher::watch(const std::vector<std::string>& paths,
                                    const WatchOptions& options) {
  for (const std::string& path : paths) options_[path] = options;
  std::optional<Result<Done>> answer;
  engine_.watch(paths, options, [&](Result<Done> result) { answer = std::move(result); });
  until("the watches were live", [&] { return answer.has_value(); });
  const Error* error = std::get_if<Error>(&*answer);
  return error == nullptr ? std::nullopt : std::optional(*error);
}

std::optional<Error> Watcher::watch_from(const std::vector<std::string>& paths,
                                         const CursorStart& start, const WatchOptions& options) {
  for (const std::string& path : paths) options_[path] = options;
  std::optional<Result<std::uint64_t>> answer;
  engine_.watch_from(paths, options, start, [&](Result<std::uint64_t> result) {
    answer = result;
    if (const auto* seq = std::get_if<std::uint64_t>(&result)) last_seq_ = *seq;
  });
  until("the snapshot was loaded", [&] { return answer.has_value(); });
  const Error* error = std::get_if<Error>(&*answer);
  return error == nullptr ? std::nullopt : std::optional(*error);
}

std::optional<Error> Watcher::save(const std::string& name) {
  std::optional<Result<std::uint64_t>> answer;
  engine_.save(name, [&](Result<std::uint64_t> result) {
    answer = result;
    if (const auto* seq = std::get_if<std::uint64_t>(&result)) {
      EXPECT_EQ(*seq, last_seq_);
    }
  });
  until("the snapshot was saved", [&] { return answer.has_value(); });
  const Error* error = std::get_if<Error>(&*answer);
  return error == nullptr ? std::nullopt : std::optional(*error);
}

void Watcher::go_on_from(Watcher& other) {
  disk_ = std::move(other.disk_);
  mirror_ = std::move(other.mirror_);
}

std::optional<Error> Watcher::unwatch(const std::string& path) {
  std::optional<Result<Done>> answer;
  engine_.unwatch(path, [&](Result<Done> result) { answer = std::move(result); });
  until("unwatch was answered", [&] { return answer.has_value(); });
  const Error* error = std::get_if<Error>(&*answer);
  return error == nullptr ? std::nullopt : std::optional(*error);
}

std::uint64_t Watcher::sync() {
  std::optional<Result<std::uint64_t>> answer;
  engine_.sync([&](Result<std::uint64_t> result) { answer = std::move(result); });
  until("sync was answered", [&] { return answer.has_value(); });
  if (const Error* error = std::get_if<Error>(&*answer)) {
    throw std::runtime_error("sync failed: " + error->reason + ' ' + error->detail);
  }
  EXPECT_EQ(std::get<std::uint64_t>(*answer), last_seq_);
  return std::get<std::uint64_t>(*answer);
}

Listed Watcher::list(std::optional<std::string> under, bool with_stat) {
  Listed listed;
  bool answered = false;
  engine_.list(
      std::move(under), with_stat,
      [&](std::vector<Entry> chunk) {
        listed.entries.insert(listed.entries.end(), chunk.begin(), chunk.end());
      },
      [&](Result<std::uint64_t> result) {
        answered = true;
        if (const Error* error = std::get_if<Error>(&result)) {
          listed.error = *error;
        } else {
          listed.seq = std::get<std::uint64_t>(result);
          EXPECT_EQ(listed.seq, last_seq_);
        }
      });
  until("list was answered", [&] { return answered; });
  return listed;
}

bool Watcher::has_told(const std::string& line) const {
  return std::find(told_.begin(), told_.end(), line) != told_.end();
}

void Watcher::mirror_from_nothing(const std::vector<std::string>& roots) {
  mirror_.emplace(roots);
}

void Watcher::mirror_from_listing(const std::vector<std::string>& roots) {
  const Listed listed = list();
  mirror_.emplace(roots);
  for (const Entry& entry : listed.entries) {
    if (auto wrong = mirror_->insert(entry)) ADD_FAILURE() << *wrong;
  }
  // What stood there before is not to be told: it is the state that changes are judged by.
  expect_mirror_is_disk();
}

void Watcher::expect_mirror_is_disk() {
  std::vector<std::string> standing;
  for (const auto& [root, node] : mirror_->roots()) {
    if (exists(root)) {
      standing.push_back(root);
    } else if (!node->children.empty()) {
      ADD_FAILURE() << root << " is gone, but what was below was not told as deleted";
    }
  }
  oracle::Disk now;  // a root may be a link; the walker follows none
  for (const std::string& root : standing) {
    const auto& found = now.emplace(root, oracle::walk(std::filesystem::canonical(root))).first;
    oracle::keep_visible(*found->second, root, {options_[root]});
  }
  for (const std::string& wrong : oracle::judge(*mirror_, now, oracle::Recall::strict).violations) {
    ADD_FAILURE() << wrong;
  }
  disk_ = std::move(now);
}

void Watcher::on_events(std::uint64_t seq, const std::vector<Event>& events) {
  EXPECT_EQ(seq, last_seq_ + 1);
  EXPECT_FALSE(events.empty());
  last_seq_ = seq;
  batch_sizes_.push_back(events.size());
  for (const Event& event : events) {
    told_.push_back(line_of(event));
    if (!mirror_) continue;
    if (auto wrong = mirror_->apply(event)) ADD_FAILURE() << *wrong;
  }
}

void Watcher::on_notice(Notice notice) {
  told_.push_back(line_of(notice));
}

std::string Watcher::name_of(const std::string& path) const {
  return path.starts_with(home_ + '/') ? path.substr(home_.size() + 1) : path;
}

std::string Watcher::line_of(const Event& event) const {
  std::string line = kChanges.at(static_cast<std::size_t>(event.change));
  line += ' ' + std::string(oracle::type_name(event.type)) + ' ';
  if (event.change == Change::renamed)
    return line + name_of(event.from) + " -> " + name_of(event.path);
  EXPECT_EQ(event.from, "");
  return line + name_of(event.path);
}

std::string Watcher::line_of(const Notice& notice) const {
  return std::visit(
      [this]<class T>(const T& said) {
        if constexpr (std::is_same_v<T, OverflowNotice>) return "overflow " + name_of(said.dir);
        if constexpr (std::is_same_v<T, WatchLimitNotice>) {
          return "watch_limit " + name_of(said.dir);
        }
        if constexpr (std::is_same_v<T, PolledNotice>) {
          return "polled " + name_of(said.dir) + ' ' + said.file_system;
        }
        if constexpr (std::is_same_v<T, UnwatchedNotice>) {
          return "unwatched " + name_of(said.dir) + ' ' + said.file_system;
        }
        if constexpr (std::is_same_v<T, RootDeletedNotice>) {
          return "root_deleted " + name_of(said.dir);
        }
        if constexpr (std::is_same_v<T, RootCreatedNotice>) {
          return "root_created " + name_of(said.dir);
        }
        if constexpr (std::is_same_v<T, OmittedNotice>) {
          return "omitted " + std::to_string(said.count) + " at " + name_of(said.dir);
        }
        if constexpr (std::is_same_v<T, UnreadableNotice>) {
          return "unreadable " + name_of(said.dir) + ' ' + said.reason;
        }
      },
      notice);
}

}  // namespace lookout
