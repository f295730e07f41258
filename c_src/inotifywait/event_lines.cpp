#include "inotifywait/event_lines.h"

#include <array>
#include <filesystem>
#include <utility>

namespace lookout::inotifywait {
namespace {

constexpr EventKinds only(EventKind kind) {
  return EventKinds(1ULL << static_cast<unsigned>(kind));
}

struct Named {
  std::string_view name;
  EventKinds kinds;
};

const std::array<Named, 9> kNamed{{
    {"create", only(EventKind::create)},
    {"modify", only(EventKind::modify)},
    {"close_write", only(EventKind::close_write)},
    {"close", only(EventKind::close_write)},
    {"attrib", only(EventKind::attrib)},
    {"moved_from", only(EventKind::moved_from)},
    {"moved_to", only(EventKind::moved_to)},
    {"move", only(EventKind::moved_from) | only(EventKind::moved_to)},
    {"delete", only(EventKind::deleted)},
}};

std::vector<std::string_view> words(EventKind kind) {
  switch (kind) {
    case EventKind::create:
      return {"CREATE"};
    case EventKind::modify:
      return {"MODIFY"};
    case EventKind::close_write:
      return {"CLOSE_WRITE", "CLOSE"};
    case EventKind::attrib:
      return {"ATTRIB"};
    case EventKind::moved_from:
      return {"MOVED_FROM"};
    case EventKind::moved_to:
      return {"MOVED_TO"};
    case EventKind::deleted:
      break;
  }
  return {"DELETE"};
}

// Returns the events that the kernel reports for such a change. For a rename, only the second one.
std::vector<EventKind> kinds_of(const Event& event) {
  switch (event.change) {
    case Change::created:
      if (event.type == EntryType::file) {
        return {EventKind::create, EventKind::modify, EventKind::close_write};
      }
      return {EventKind::create};
    case Change::modified:
      if (event.type == EntryType::directory) return {EventKind::modify};
      return {EventKind::modify, EventKind::close_write};
    case Change::attributes:
      return {EventKind::attrib};
    case Change::deleted:
      return {EventKind::deleted};
    case Change::renamed:
      break;
  }
  return {EventKind::moved_to};
}

bool is_below(std::string_view path, std::string_view directory) {
  return path.size() > directory.size() && path.starts_with(directory) &&
         path[directory.size()] == '/';
}

std::string without_last_slashes(std::string path) {
  while (path.ends_with('/')) path.pop_back();
  return path;
}

}  // namespace

std::optional<EventKinds> kinds_named(std::string_view name) {
  for (const Named& named : kNamed) {
    if (named.name == name) return named.kinds;
  }
  return std::nullopt;
}

WatchedPath watched_path(std::string_view given, std::string_view directory) {
  const auto absolute = (std::filesystem::path(directory) / given).lexically_normal();
  return {without_last_slashes(absolute.native()), without_last_slashes(std::string(given))};
}

EventLines::EventLines(std::vector<WatchedPath> paths, EventKinds kinds, LineFormat format)
    : paths_(std::move(paths)), kinds_(kinds), format_(std::move(format)) {}

int EventLines::append(const Event& event, std::string& out) const {
  int left_out = 0;
  if (event.change == Change::renamed) {
    left_out += append(EventKind::moved_from, event, event.from, out);
  }
  for (const EventKind kind : kinds_of(event)) left_out += append(kind, event, event.path, out);
  return left_out;
}

int EventLines::append(EventKind kind, const Event& event, std::string_view path,
                       std::string& out) const {
  if ((kinds_ & only(kind)).none()) return 0;
  Line line = line_of(path);
  line.events = words(kind);
  if (event.type == EntryType::directory) line.events.emplace_back("ISDIR");
  const std::string text = format_.write(line);
  if (text.size() > kLongestLine) return 1;
  out += text;
  return 0;
}

// With nested watched paths, the innermost one determines %w.
Line EventLines::line_of(std::string_view path) const {
  const WatchedPath* nearest = nullptr;
  for (const WatchedPath& watched : paths_) {
    if (path == watched.absolute) return Line{watched.given, {}, ""};
    const bool longer = nearest == nullptr || watched.absolute.size() > nearest->absolute.size();
    if (longer && is_below(path, watched.absolute)) nearest = &watched;
  }
  const std::size_t name = path.rfind('/') + 1;
  if (nearest == nullptr) return Line{std::string(path.substr(0, name)), {}, path.substr(name)};
  const std::size_t above = nearest->absolute.size();
  return Line{
      nearest->given + std::string(path.substr(above, name - above)), {}, path.substr(name)};
}

}  // namespace lookout::inotifywait
