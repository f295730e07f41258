// Converts changes of the tree to the events that inotifywait prints. Monitor owns it and calls it.
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "inotifywait/line_format.h"
#include "watch/model/entry.h"

namespace lookout::inotifywait {

// The events as which a change of the tree can be reported.
enum class EventKind : std::uint8_t {
  create,
  modify,
  close_write,
  attrib,
  moved_from,
  moved_to,
  deleted
};
using EventKinds = std::bitset<7>;

// Returns the kinds that an argument of -e names, as "close_write" or "move"; nullopt for an
// unknown name, or for an event that is never reported, as "open".
std::optional<EventKinds> kinds_named(std::string_view name);

// A path from the command line.
struct WatchedPath {
  std::string absolute;  // without . and .., and without a trailing slash; "/" is ""
  std::string given;     // without a trailing slash; "/" is ""
};

// Resolves a path against `directory`, the working directory.
WatchedPath watched_path(std::string_view given, std::string_view directory);

class EventLines {
 public:
  // The port of the package file_system reads lines of up to 16,384 bytes.
  static constexpr std::size_t kLongestLine = 16'384;

  EventLines(std::vector<WatchedPath> paths, EventKinds kinds, LineFormat format);

  // Appends the lines of an event. Returns the number of lines omitted for being longer than
  // kLongestLine.
  int append(const Event& event, std::string& out) const;

 private:
  int append(EventKind kind, const Event& event, std::string_view path, std::string& out) const;
  Line line_of(std::string_view path) const;

  std::vector<WatchedPath> paths_;
  EventKinds kinds_;
  LineFormat format_;
};

}  // namespace lookout::inotifywait
