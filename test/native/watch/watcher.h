// An engine with a loop of its own, and a subscriber that writes down what it is told, as lines of
// text: "created file a/x", "renamed directory a -> b", "root_deleted a". What is told of the roots
// that are mirrored is replayed strictly; an event that cannot be applied fails the test.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "oracle/judgement.h"
#include "oracle/mirror.h"
#include "watch/engine.h"

namespace lookout {

using Told = std::vector<std::string>;

struct Listed {
  std::uint64_t seq = 0;
  std::vector<Entry> entries;
  std::optional<Error> error;
};

class Watcher : public Listener {
 public:
  // Paths below `home` are written down relative to it.
  explicit Watcher(std::string home, std::uint64_t credit = Engine::kUnlimited);

  Engine& engine() { return engine_; }

  // Each runs the loop until the answer came, and throws std::runtime_error where none comes.
  std::optional<Error> watch(const std::vector<std::string>& paths,
                             const WatchOptions& options = {});
  // Goes on from a snapshot, or with an empty name from nothing; saves one.
  std::optional<Error> watch_from(const std::vector<std::string>& paths, const CursorStart& start,
                                  const WatchOptions& options = {});
  std::optional<Error> save(const std::string& name);
  // Takes over what another watcher has replayed, which is not used any more.
  void go_on_from(Watcher& other);
  std::optional<Error> unwatch(const std::string& path);
  std::uint64_t sync();
  Listed list(std::optional<std::string> under = {}, bool with_stat = false);
  void until(const std::string& what, const std::function<bool()>& reached);

  // What was told since this was last called.
  Told told() { return std::exchange(told_, {}); }
  const Told& peek() const { return told_; }
  bool has_told(const std::string& line) const;
  std::uint64_t last_seq() const { return last_seq_; }
  const std::vector<std::size_t>& batch_sizes() const { return batch_sizes_; }
  void set_room(bool room) { room_ = room; }

  // Replays from now on what is told of these roots: from nothing, or from a listing.
  void mirror_from_nothing(const std::vector<std::string>& roots);
  void mirror_from_listing(const std::vector<std::string>& roots);
  bool mirrors() const { return mirror_.has_value(); }
  oracle::Mirror& mirror() { return *mirror_; }
  // Fails the test where the mirror is not what is visible of the disk, or a change since the last
  // call was not told.
  void expect_mirror_is_disk();

  void on_events(std::uint64_t seq, const std::vector<Event>& events) override;
  void on_notice(Notice notice) override;
  bool has_room() const override { return room_; }

 private:
  std::string name_of(const std::string& path) const;
  std::string line_of(const Event& event) const;
  std::string line_of(const Notice& notice) const;

  std::string home_;
  boost::asio::io_context io_;
  Engine engine_;
  Told told_;
  std::uint64_t last_seq_ = 0;
  std::vector<std::size_t> batch_sizes_;
  bool room_ = true;
  std::optional<oracle::Mirror> mirror_;
  oracle::Disk disk_;
  std::map<std::string, WatchOptions> options_;  // by root
};

}  // namespace lookout
