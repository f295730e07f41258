#include "bridge/replies.h"

#include <string>
#include <variant>

namespace lookout {
namespace {

std::string_view atom_of(EntryType type) {
  switch (type) {
    case EntryType::file:
      return "file";
    case EntryType::directory:
      return "directory";
    case EntryType::symlink:
      return "symlink";
    case EntryType::other:
      break;
  }
  return "other";
}

std::string_view atom_of(Change change) {
  switch (change) {
    case Change::created:
      return "created";
    case Change::modified:
      return "modified";
    case Change::attributes:
      return "attributes";
    case Change::deleted:
      return "deleted";
    case Change::renamed:
      break;
  }
  return "renamed";
}

void put_begin(TermWriter& out, std::size_t arity, std::string_view name) {
  out.begin();
  out.tuple(arity);
  out.atom(name);
}

void put(TermWriter& out, const Error& error) {
  out.tuple(4);
  out.atom(error.reason);
  out.atom(error.operation);
  if (error.path.empty()) {
    out.atom("nil");
  } else {
    out.binary(error.path);
  }
  out.binary(error.detail);
}

void put_ok(TermWriter& out) {
  out.tuple(2);
  out.atom("ok");
}

void put_count(TermWriter& out, std::string_view name, std::uint64_t value) {
  out.atom(name);
  out.natural(value);
}

// Keys in alphabetical order.
void put(TermWriter& out, const EngineInfo& info) {
  out.map(12);
  put_count(out, "batches", info.batches);
  out.atom("credit");
  if (info.credit) {
    out.natural(*info.credit);
  } else {
    out.atom("infinity");
  }
  put_count(out, "directories", info.directories);
  put_count(out, "dirty", info.dirty);
  put_count(out, "events", info.events);
  put_count(out, "files", info.files);
  put_count(out, "memory", info.memory);
  put_count(out, "overflows", info.overflows);
  put_count(out, "polled", info.polled);
  put_count(out, "rescans", info.rescans);
  out.atom("roots");
  out.map(info.roots.size());
  for (const auto& [path, source] : info.roots) {
    out.binary(path);
    out.atom(source.empty() ? "nil" : source);
  }
  put_count(out, "watches", info.watches);
}

std::string_view atom_of(UsageSource source) {
  return source == UsageSource::cgroup ? "cgroup" : "proc";
}

// Keys in alphabetical order.
void put(TermWriter& out, const CommandStats& stats) {
  out.map(5);
  out.atom("cpu_from");
  out.atom(atom_of(stats.cpu_from));
  put_count(out, "cpu_system", stats.cpu_system);
  put_count(out, "cpu_user", stats.cpu_user);
  out.atom("memory_from");
  out.atom(atom_of(stats.memory_from));
  put_count(out, "memory_peak", stats.memory_peak);
}

struct OutcomeEncoder {
  TermWriter& out;

  void operator()(const Done& /*done*/) const { out.atom("ok"); }
  void operator()(std::uint64_t seq) const {
    put_ok(out);
    out.natural(seq);
  }
  void operator()(const EngineInfo& info) const {
    put_ok(out);
    put(out, info);
  }
  void operator()(const CommandStats& stats) const {
    put_ok(out);
    put(out, stats);
  }
  void operator()(const Error& error) const {
    out.tuple(2);
    out.atom("error");
    put(out, error);
  }
};

void put_stat(TermWriter& out, const std::optional<EntryStat>& stat) {
  if (!stat) {
    for (int i = 0; i < 3; ++i) out.atom("nil");
    return;
  }
  out.natural(stat->size);
  out.integer(stat->mtime_ns);
  out.natural(stat->mode);
}

void put(TermWriter& out, const Entry& entry, bool with_stat) {
  out.tuple(with_stat ? 6 : 3);
  out.atom(atom_of(entry.type));
  out.binary(entry.path);
  out.natural(entry.inode);
  if (with_stat) put_stat(out, entry.stat);
}

void put(TermWriter& out, const Event& event) {
  const bool renamed = event.change == Change::renamed;
  out.tuple(renamed ? 4 : 3);
  out.atom(atom_of(event.change));
  out.atom(atom_of(event.type));
  out.binary(event.path);
  if (renamed) out.binary(event.from);
}

void put_notice(TermWriter& out, std::string_view name, std::string_view dir,
                std::string_view detail = "") {
  out.tuple(detail.empty() ? 2 : 3);
  out.atom(name);
  out.binary(dir);
  if (!detail.empty()) out.atom(detail);
}

struct NoticeEncoder {
  TermWriter& out;

  void operator()(const OverflowNotice& n) const { put_notice(out, "overflow", n.dir); }
  void operator()(const UnreadableNotice& n) const {
    put_notice(out, "unreadable", n.dir, n.reason);
  }
  void operator()(const WatchLimitNotice& n) const {
    put_notice(out, "watch_limit", n.dir, "poll");
  }
  void operator()(const PolledNotice& n) const { put_notice(out, "polled", n.dir, n.file_system); }
  void operator()(const UnwatchedNotice& n) const {
    put_notice(out, "unwatched", n.dir, n.file_system);
  }
  void operator()(const RootDeletedNotice& n) const { put_notice(out, "root_deleted", n.dir); }
  void operator()(const RootCreatedNotice& n) const { put_notice(out, "root_created", n.dir); }
  void operator()(const OmittedNotice& n) const {
    out.tuple(3);
    out.atom("omitted");
    out.binary(n.dir);
    out.natural(n.count);
  }
};

}  // namespace

void encode(TermWriter& out, const Hello& hello) {
  put_begin(out, 3, "hello");
  out.natural(kProtocolVersion);
  out.binary(hello.version);
}

void encode(TermWriter& out, const Reply& reply) {
  put_begin(out, 3, "reply");
  if (reply.id) {
    out.natural(*reply.id);
  } else {
    out.atom("nil");
  }
  std::visit(OutcomeEncoder{out}, reply.outcome);
}

void encode(TermWriter& out, const Entries& chunk) {
  put_begin(out, 3, "entries");
  out.natural(chunk.id);
  if (!chunk.entries.empty()) out.list(chunk.entries.size());
  for (const Entry& entry : chunk.entries) put(out, entry, chunk.with_stat);
  out.empty_list();
}

void encode(TermWriter& out, const EventBatch& batch) {
  put_begin(out, 3, "events");
  out.natural(batch.seq);
  if (!batch.events.empty()) out.list(batch.events.size());
  for (const Event& event : batch.events) put(out, event);
  out.empty_list();
}

void encode(TermWriter& out, const Notice& notice) {
  put_begin(out, 2, "notice");
  std::visit(NoticeEncoder{out}, notice);
}

void encode(TermWriter& out, const SessionBegin& begin) {
  put_begin(out, 2, "session");
  out.tuple(begin.resumed ? 3 : 2);
  out.atom(begin.resumed ? "resumed" : "new");
  out.natural(begin.epoch);
  if (begin.resumed) out.natural(*begin.resumed);
}

void encode(TermWriter& out, const Fatal& fatal) {
  put_begin(out, 2, "fatal");
  put(out, fatal.error);
}

}  // namespace lookout
