#include "bridge/requests.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "bridge/request_fields.h"
#include "bridge/term_check.h"
#include "bridge/term_print.h"
#include "bridge/term_reader.h"
#include "bridge/wire_path.h"
#include "snapshot/directory.h"

namespace lookout {
namespace {

std::optional<std::uint64_t> read_credit(TermReader& reader) {
  if (const auto batches = reader.natural()) return batches;
  if (reader.atom() == "infinity") return Engine::kUnlimited;
  return std::nullopt;
}

// These texts follow "expected" in an error. In the text of an option, a subordinate clause ends in
// a comma, because " for the option :name" follows it.
constexpr std::string_view kCreditExpected = "a number of batches, 0 or more, or :infinity";

// Returns false, with the reader at the offending pattern, if a pattern is invalid.
bool read_patterns(TermReader& reader, std::vector<std::string>& patterns) {
  const TermReader whole = reader;
  const auto count = reader.list();
  if (!count) return false;
  if (static_cast<std::size_t>(*count) > kMaxPatterns) {
    reader = whole;
    return false;
  }
  for (int i = 0; i < *count; ++i) {
    const TermReader before = reader;
    auto pattern = reader.binary();
    if (!pattern || pattern->size() > kMaxPatternSize || pattern->find('\0') != std::string::npos) {
      reader = before;
      return false;
    }
    patterns.push_back(std::move(*pattern));
  }
  return *count == 0 || reader.empty_list();
}

constexpr std::string_view kPatternsExpected =
    "a list of at most 4096 patterns, each a binary of at most 4096 bytes without a NUL byte,";

constexpr std::string_view kChangesExpected =
    "a list of :created, :modified, :attributes, :deleted or :renamed, not empty,";

std::optional<Change> read_change(TermReader& reader) {
  const auto atom = reader.atom();
  if (atom == "created") return Change::created;
  if (atom == "modified") return Change::modified;
  if (atom == "attributes") return Change::attributes;
  if (atom == "deleted") return Change::deleted;
  if (atom == "renamed") return Change::renamed;
  return std::nullopt;
}

bool read_changes(TermReader& reader, std::optional<ChangeSet>& changes) {
  const auto count = reader.list();
  if (!count || *count == 0) return false;
  changes.emplace();
  for (int i = 0; i < *count; ++i) {
    const auto change = read_change(reader);
    if (!change) return false;
    changes->set(static_cast<std::size_t>(*change));
  }
  return reader.empty_list();
}

constexpr std::string_view kSnapshotNameExpected =
    "the name of a snapshot, a binary of 1 to 200 bytes without a slash or a NUL byte, other than "
    "\".\", \"..\" and \"lock\" and without \".new\" at its end";

// {directory, name}, or {directory, nil}.
bool read_cursor(TermReader& reader, std::optional<CursorStart>& cursor) {
  if (reader.tuple() != 2) return false;
  const auto raw = reader.binary();
  if (!raw) return false;
  Result<std::string> path = take_path(*raw, "watch");
  if (std::holds_alternative<Error>(path)) return false;
  cursor.emplace().directory = std::get<std::string>(std::move(path));
  auto name = reader.binary();
  if (!name) return reader.atom() == "nil";
  cursor->from = std::move(*name);
  return is_snapshot_name(cursor->from);
}

constexpr std::array<OptionRule<WatchRequest>, 15> kWatchOptions{{
    {"recursive", "true or false",
     [](TermReader& in, WatchRequest& out) { return read_boolean(in, out.options.recursive); }},
    {"initial", "true or false",
     [](TermReader& in, WatchRequest& out) {
       return read_boolean(in, out.options.report_existing);
     }},
    {"missing", ":error or :wait",
     [](TermReader& in, WatchRequest& out) {
       const auto atom = in.atom();
       out.options.wait_for_missing = atom == "wait";
       return atom == "error" || atom == "wait";
     }},
    {"changes", kChangesExpected,
     [](TermReader& in, WatchRequest& out) { return read_changes(in, out.settings.changes); }},
    {"settle", "milliseconds, 0 to 3600000",
     [](TermReader& in, WatchRequest& out) {
       const auto value = in.natural();
       if (!value || *value > kMaxSettle) return false;
       out.settings.settle = static_cast<std::uint32_t>(*value);
       return true;
     }},
    {"max_settle", "milliseconds, 0 to 86400000",
     [](TermReader& in, WatchRequest& out) {
       const auto value = in.natural();
       if (!value || *value > kMaxLongestSettle) return false;
       out.settings.max_settle = static_cast<std::uint32_t>(*value);
       return true;
     }},
    {"backend", ":auto, :inotify, :fanotify, :poll or :fswatch",
     [](TermReader& in, WatchRequest& out) {
       const auto atom = in.atom();
       if (atom == "auto") out.options.backend = Backend::automatic;
       if (atom == "inotify") out.options.backend = Backend::inotify;
       if (atom == "fanotify") out.options.backend = Backend::fanotify;
       if (atom == "poll") out.options.backend = Backend::poll;
       if (atom == "fswatch") out.options.backend = Backend::fswatch;
       return atom == "auto" || atom == "inotify" || atom == "fanotify" || atom == "poll" ||
              atom == "fswatch";
     }},
    {"poll_interval", "milliseconds, 10 to 3600000",
     [](TermReader& in, WatchRequest& out) {
       const auto value = in.natural();
       if (!value || *value < kMinPollInterval || *value > kMaxPollInterval) return false;
       out.settings.poll_interval = static_cast<std::uint32_t>(*value);
       return true;
     }},
    {"follow_symlinks", "true or false",
     [](TermReader& in, WatchRequest& out) {
       return read_boolean(in, out.options.follow_symlinks);
     }},
    {"await", "false or milliseconds, 1 to 86400000",
     [](TermReader& in, WatchRequest& out) {
       const auto longest = in.natural();
       if (!longest) return in.atom() == "false";
       if (*longest == 0 || *longest > kMaxAwait) return false;
       out.options.await = static_cast<std::uint32_t>(*longest);
       return true;
     }},
    {"gitignore", "true or false",
     [](TermReader& in, WatchRequest& out) { return read_boolean(in, out.options.gitignore); }},
    {"ignore", kPatternsExpected,
     [](TermReader& in, WatchRequest& out) { return read_patterns(in, out.options.ignore); }, true},
    {"only", kPatternsExpected,
     [](TermReader& in, WatchRequest& out) { return read_patterns(in, out.options.only); }, true},
    {"credit", kCreditExpected,
     [](TermReader& in, WatchRequest& out) {
       const auto value = read_credit(in);
       out.credit = value.value_or(0);
       return value.has_value();
     }},
    {"cursor",
     "{directory, nil} or {directory, name} with an absolute path without .. parts and a name that "
     ":save takes,",
     [](TermReader& in, WatchRequest& out) { return read_cursor(in, out.cursor); }},
}};

constexpr std::array<OptionRule<ListRequest>, 2> kListOptions{{
    {"under", "an absolute path as a binary, without .. parts",
     [](TermReader& in, ListRequest& out) {
       auto raw = in.binary();
       if (!raw) return false;
       Result<std::string> path = take_path(*raw, "list");
       if (std::holds_alternative<Error>(path)) return false;
       out.under = std::get<std::string>(std::move(path));
       return true;
     }},
    {"stat", "true or false",
     [](TermReader& in, ListRequest& out) { return read_boolean(in, out.with_stat); }},
}};

std::optional<Request> read_watch(Fields& fields, RequestId id) {
  auto paths = fields.paths();
  if (!paths) return std::nullopt;
  WatchRequest request{id, std::move(*paths), {}, {}, 0, {}};
  if (!read_options(fields, kWatchOptions, request)) return std::nullopt;
  return request;
}

std::optional<Request> read_unwatch(Fields& fields, RequestId id) {
  auto path = fields.path();
  if (!path) return std::nullopt;
  return UnwatchRequest{id, std::move(*path)};
}

std::optional<Request> read_save(Fields& fields, RequestId id) {
  const std::string_view at = fields.reader().rest();
  auto name = fields.reader().binary();
  if (!name || !is_snapshot_name(*name)) return fields.refuse(kSnapshotNameExpected, at);
  return SaveRequest{id, std::move(*name)};
}

std::optional<Request> read_list(Fields& fields, RequestId id) {
  ListRequest request{id, {}, false};
  if (!read_options(fields, kListOptions, request)) return std::nullopt;
  return request;
}

std::optional<Request> read_credit_request(Fields& fields, RequestId /*id*/) {
  const std::string_view at = fields.reader().rest();
  const auto batches = read_credit(fields.reader());
  if (!batches) return fields.refuse(kCreditExpected, at);
  return CreditRequest{*batches};
}

// Adapts a function that reads one type of request.
template <auto Read>
std::optional<Request> read_by(Fields& fields, RequestId id) {
  return Read(fields, id);
}

template <auto Read>
std::optional<Request> read_without_id(Fields& fields, RequestId /*id*/) {
  return Read(fields);
}

template <class R>
std::optional<Request> read_nothing_more(Fields& /*fields*/, RequestId id) {
  return R{id};
}

struct RequestRule {
  std::string_view name;
  std::string_view shape;
  int arity;
  bool has_id;
  std::optional<Request> (*read)(Fields&, RequestId);
};

constexpr std::array<RequestRule, 16> kRequests{{
    {"watch", "{:watch, id, paths, options}", 4, true, read_watch},
    {"unwatch", "{:unwatch, id, path}", 3, true, read_unwatch},
    {"sync", "{:sync, id}", 2, true, read_nothing_more<SyncRequest>},
    {"save", "{:save, id, name}", 3, true, read_save},
    {"list", "{:list, id, options}", 3, true, read_list},
    {"info", "{:info, id}", 2, true, read_nothing_more<InfoRequest>},
    {"ping", "{:ping, id}", 2, true, read_nothing_more<PingRequest>},
    {"credit", "{:credit, batches}", 2, false, read_credit_request},
    {"spawn", "{:spawn, id, argv, options}", 4, true, read_by<read_spawn>},
    {"stdin", "{:stdin, bytes}", 2, false, read_without_id<read_input>},
    {"close_stdin", "{:close_stdin, id}", 2, true, read_nothing_more<CloseInputRequest>},
    {"signal", "{:signal, id, signal}", 3, true, read_by<read_signal>},
    {"stop", "{:stop, id, grace}", 3, true, read_by<read_stop>},
    {"resize", "{:resize, id, {rows, columns}}", 3, true, read_by<read_resize>},
    {"stats", "{:stats, id}", 2, true, read_nothing_more<StatsRequest>},
    {"read", "{:read, stream, bytes}", 3, false, read_without_id<read_read>},
}};

const RequestRule* find_rule(const std::optional<std::string>& name) {
  const auto found = std::find_if(kRequests.begin(), kRequests.end(),
                                  [&name](const RequestRule& rule) { return rule.name == name; });
  return found == kRequests.end() ? nullptr : found;
}

// A request may hold input or environment.
RefusedRequest refused(std::optional<RequestId> id, std::string_view operation,
                       const std::string& expected, std::string_view at) {
  return {id, Error{"bad_request", std::string(operation), "",
                    "expected " + expected + ", got " + print_term(at, Contents::hidden)}};
}

}  // namespace

std::variant<Request, RefusedRequest> decode_request(std::string_view payload) {
  Result<Done> checked = check_term(payload);
  if (auto* error = std::get_if<Error>(&checked)) {
    return RefusedRequest{std::nullopt, std::move(*error)};
  }
  TermReader reader(payload);
  const std::string_view whole = reader.rest();
  const auto arity = reader.tuple();
  const auto name = arity.value_or(0) > 0 ? reader.atom() : std::nullopt;
  const RequestRule* rule = find_rule(name);
  const bool may_have_id = name && *arity > 1 && (rule == nullptr || rule->has_id);
  const std::string_view id_at = reader.rest();
  const auto id = may_have_id ? reader.natural() : std::nullopt;
  if (rule == nullptr) {
    return refused(id, "decode",
                   "a request of " + names_of(std::span<const RequestRule>(kRequests)), whole);
  }
  if (*arity != rule->arity) return refused(id, rule->name, std::string(rule->shape), whole);
  if (rule->has_id && !id) {
    return refused(id, rule->name, "an id from 0 to 9223372036854775807", id_at);
  }
  Fields fields(reader, rule->name);
  auto request = rule->read(fields, id.value_or(0));
  if (!request) return RefusedRequest{id, fields.take_error()};
  return *std::move(request);
}

}  // namespace lookout
