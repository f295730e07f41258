#include "oracle/node_messages.h"

#include <array>
#include <cstddef>
#include <optional>
#include <utility>

#include "bridge/etf.h"
#include "bridge/term_reader.h"
#include "bridge/term_writer.h"
#include "oracle/subject.h"

namespace lookout::oracle {
namespace {

constexpr std::array<std::string_view, 4> kTypes{"file", "directory", "symlink", "other"};
constexpr std::array<std::string_view, 5> kChanges{"created", "modified", "attributes", "deleted",
                                                   "renamed"};
constexpr std::array<std::string_view, 5> kBackends{"auto", "inotify", "fanotify", "poll",
                                                    "fswatch"};
constexpr std::size_t kMapHeader = 5;  // bytes

template <class T>
T required(std::optional<T> value, const char* what) {
  if (!value) throw Broken(std::string("a message of the node has no ") + what);
  return *std::move(value);
}

template <class Names>
std::size_t index_in(const Names& names, const std::string& name) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == name) return i;
  }
  throw Broken("a message of the node has the unknown atom " + name);
}

EntryType read_type(TermReader& reader) {
  return static_cast<EntryType>(index_in(kTypes, required(reader.atom(), "type")));
}

template <class Element>
auto read_list(TermReader& reader, Element element) {
  std::vector<decltype(element(reader))> elements;
  const int size = required(reader.list(), "list");
  for (int i = 0; i < size; ++i) elements.push_back(element(reader));
  if (size > 0 && !reader.empty_list()) throw Broken("a list of the node is improper");
  return elements;
}

Event read_event(TermReader& reader) {
  const int arity = required(reader.tuple(), "event");
  const auto change = static_cast<Change>(index_in(kChanges, required(reader.atom(), "change")));
  const EntryType type = read_type(reader);
  std::string path = required(reader.binary(), "path");
  return {change, type, std::move(path), arity == 4 ? required(reader.binary(), "from") : ""};
}

std::optional<EntryStat> read_stat(TermReader& reader) {
  if (const auto size = reader.natural()) {
    const auto mtime = required(reader.integer(), "mtime");
    return EntryStat{*size, mtime, static_cast<std::uint32_t>(required(reader.natural(), "mode"))};
  }
  for (int i = 0; i < 3; ++i) required(reader.atom(), "nil");
  return std::nullopt;
}

Entry read_entry(TermReader& reader) {
  const int arity = required(reader.tuple(), "entry");
  const EntryType type = read_type(reader);
  std::string path = required(reader.binary(), "path");
  const std::uint64_t inode = required(reader.natural(), "inode");
  return {type, std::move(path), inode, arity == 6 ? read_stat(reader) : std::nullopt};
}

Error read_error(TermReader& reader) {
  required(reader.tuple(), "error");
  std::string reason = required(reader.atom(), "reason");
  std::string operation = required(reader.atom(), "operation");
  std::string path = reader.binary().value_or("");
  if (path.empty()) reader.atom();  // nil
  return {std::move(reason), std::move(operation), std::move(path),
          required(reader.binary(), "detail")};
}

Notice read_notice(TermReader& reader) {
  const int arity = required(reader.tuple(), "notice");
  const std::string name = required(reader.atom(), "name");
  std::string dir = required(reader.binary(), "directory");
  if (name == "omitted") return OmittedNotice{std::move(dir), required(reader.natural(), "count")};
  std::string detail = arity == 3 ? required(reader.atom(), "detail") : "";
  if (name == "overflow") return OverflowNotice{std::move(dir)};
  if (name == "unreadable") return UnreadableNotice{std::move(dir), std::move(detail)};
  if (name == "watch_limit") return WatchLimitNotice{std::move(dir)};
  if (name == "polled") return PolledNotice{std::move(dir), std::move(detail)};
  if (name == "unwatched") return UnwatchedNotice{std::move(dir), std::move(detail)};
  if (name == "root_deleted") return RootDeletedNotice{std::move(dir)};
  if (name == "root_created") return RootCreatedNotice{std::move(dir)};
  throw Broken("the node sends the unknown notice " + name);
}

// The counters before `roots`, which is another map; the keys are in alphabetical order.
EngineInfo read_info(std::string_view map) {
  const std::string pairs = static_cast<char>(etf::kVersion) + std::string(map.substr(kMapHeader));
  TermReader reader(pairs);
  EngineInfo info;
  for (std::string key; (key = required(reader.atom(), "key")) != "roots";) {
    const auto value = reader.natural();
    if (!value) reader.atom();  // infinity
    if (key == "batches") info.batches = value.value_or(0);
    if (key == "dirty") info.dirty = value.value_or(0);
    if (key == "events") info.events = value.value_or(0);
    if (key == "overflows") info.overflows = value.value_or(0);
    if (key == "polled") info.polled = value.value_or(0);
    if (key == "credit") info.credit = value;
  }
  return info;
}

Reply read_reply(TermReader& reader) {
  Reply reply;
  reply.id = reader.natural();
  if (!reply.id) reader.atom();     // nil
  if (reader.atom()) return reply;  // ok
  required(reader.tuple(), "result");
  if (required(reader.atom(), "result") == "error") {
    reply.outcome = read_error(reader);
  } else if (const auto number = reader.natural()) {
    reply.outcome = *number;
  } else {
    reply.outcome = read_info(reader.rest());
  }
  return reply;
}

SessionBegin read_session(TermReader& reader) {
  const int arity = required(reader.tuple(), "session");
  required(reader.atom(), "session");
  SessionBegin begin{required(reader.natural(), "epoch"), std::nullopt};
  if (arity == 3) begin.resumed = required(reader.natural(), "batch");
  return begin;
}

// Without the version byte, which the writer begins with.
std::string term_of(const TermWriter& writer) {
  return std::string(writer.bytes().substr(1));
}

void put_option(TermWriter& out, std::string_view name) {
  out.tuple(2);
  out.atom(name);
}

void put_boolean(TermWriter& out, std::string_view name, bool value) {
  put_option(out, name);
  out.atom(value ? "true" : "false");
}

void put_binaries(TermWriter& out, const std::vector<std::string>& binaries) {
  if (!binaries.empty()) out.list(binaries.size());
  for (const std::string& each : binaries) out.binary(each);
  out.empty_list();
}

void put_options(TermWriter& out, const WatchRequest& request) {
  const WatchOptions& options = request.options;
  const auto& settle = request.settings.settle;
  out.list(settle ? 10 : 9);
  put_boolean(out, "recursive", options.recursive);
  put_boolean(out, "initial", options.report_existing);
  put_option(out, "missing");
  out.atom(options.wait_for_missing ? "wait" : "error");
  put_boolean(out, "follow_symlinks", options.follow_symlinks);
  put_option(out, "backend");
  out.atom(kBackends.at(static_cast<std::size_t>(options.backend)));
  put_option(out, "await");
  if (options.await == 0) {
    out.atom("false");
  } else {
    out.natural(options.await);
  }
  put_boolean(out, "gitignore", options.gitignore);
  put_option(out, "ignore");
  put_binaries(out, options.ignore);
  put_option(out, "only");
  put_binaries(out, options.only);
  if (settle) {
    put_option(out, "settle");
    out.natural(*settle);
  }
  out.empty_list();
}

std::string encode_plain(std::string_view name, RequestId id) {
  TermWriter out;
  out.begin();
  out.tuple(2);
  out.atom(name);
  out.natural(id);
  return term_of(out);
}

}  // namespace

NodeMessage decode_message(std::string_view term) {
  const std::string versioned = static_cast<char>(etf::kVersion) + std::string(term);
  TermReader reader(versioned);
  required(reader.tuple(), "name");
  const std::string name = required(reader.atom(), "name");
  if (name == "hello") return HelloMessage{};
  if (name == "session") return read_session(reader);
  if (name == "reply") return read_reply(reader);
  if (name == "notice") return read_notice(reader);
  if (name == "fatal") return Fatal{read_error(reader)};
  const std::uint64_t number = required(reader.natural(), "number");
  if (name == "entries") return Entries{number, read_list(reader, read_entry), false};
  if (name == "events") return BatchMessage{number, read_list(reader, read_event)};
  throw Broken("the node sends the unknown message " + name);
}

std::string encode_request(const WatchRequest& request) {
  TermWriter out;
  out.begin();
  out.tuple(4);
  out.atom("watch");
  out.natural(request.id);
  put_binaries(out, request.paths);
  put_options(out, request);
  return term_of(out);
}

std::string encode_request(const UnwatchRequest& request) {
  TermWriter out;
  out.begin();
  out.tuple(3);
  out.atom("unwatch");
  out.natural(request.id);
  out.binary(request.path);
  return term_of(out);
}

std::string encode_request(const ListRequest& request) {
  TermWriter out;
  out.begin();
  out.tuple(3);
  out.atom("list");
  out.natural(request.id);
  out.list(request.under ? 2 : 1);
  put_boolean(out, "stat", request.with_stat);
  if (request.under) {
    put_option(out, "under");
    out.binary(*request.under);
  }
  out.empty_list();
  return term_of(out);
}

std::string encode_request(const SyncRequest& request) {
  return encode_plain("sync", request.id);
}

std::string encode_request(const InfoRequest& request) {
  return encode_plain("info", request.id);
}

std::string encode_request(const PingRequest& request) {
  return encode_plain("ping", request.id);
}

std::string encode_request(const CreditRequest& request) {
  TermWriter out;
  out.begin();
  out.tuple(2);
  out.atom("credit");
  if (request.batches == Engine::kUnlimited) {
    out.atom("infinity");
  } else {
    out.natural(request.batches);
  }
  return term_of(out);
}

}  // namespace lookout::oracle
