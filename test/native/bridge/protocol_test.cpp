// The examples of docs/protocol.md are what the codecs read and write, byte for byte.
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <set>

#include "bridge/command_examples.h"
#include "bridge/frame.h"
#include "bridge/protocol_document.h"
#include "bridge/replies.h"
#include "bridge/requests.h"

namespace lookout {
namespace {

std::string payload_of(const ExampleFrame& frame) {
  FrameReader reader;
  std::string_view chunk = frame.bytes;
  const auto outcome = reader.next(chunk);
  const auto* whole = std::get_if<Frame>(&outcome);
  EXPECT_TRUE(whole != nullptr && chunk.empty()) << "not one whole frame: " << frame.term;
  return whole == nullptr ? "" : std::string(whole->payload);
}

Reply refusal(RequestId id, Error error) {
  return Reply{id, std::move(error)};
}

// What the codec itself says to a payload.
Reply answer_to(const std::string& payload) {
  auto decoded = decode_request(payload);
  auto& refused = std::get<RefusedRequest>(decoded);
  return Reply{refused.id, std::move(refused.error)};
}

// Two tables as one.
template <class Table>
Table merged(Table one, Table other) {
  one.merge(other);
  return one;
}

const std::map<std::string, RequestCheck>& watch_request_table() {
  using Paths = std::vector<std::string>;
  static const std::map<std::string, RequestCheck> table{
      {R"({:watch, 1, ["/srv/in"], [recursive: true, initial: false, missing: :error, settle: 0, credit: :infinity]})",
       expect<WatchRequest>([](const auto& r) {
         return r.id == 1 && r.paths == Paths{"/srv/in"} && r.options == WatchOptions{} &&
                r.settings == Settings{.settle = 0U} && r.credit == Engine::kUnlimited;
       })},
      {R"({:watch, 2, ["/srv/in", "/srv/out"], [credit: 64]})",
       expect<WatchRequest>([](const auto& r) {
         return r.id == 2 && r.paths == Paths{"/srv/in", "/srv/out"} &&
                r.options == WatchOptions{} && r.settings == Settings{} && r.credit == 64;
       })},
      {R"({:watch, 2, ["/mnt/share"], [follow_symlinks: true, backend: :poll, poll_interval: 500, await: 60000]})",
       expect<WatchRequest>([](const auto& r) {
         return r.id == 2 && r.paths == Paths{"/mnt/share"} &&
                r.options == WatchOptions{.follow_symlinks = true,
                                          .backend = Backend::poll,
                                          .await = 60000} &&
                r.settings == Settings{.poll_interval = 500U};
       })},
      {R"({:watch, 3, ["/srv/later"], [recursive: false, initial: true, missing: :wait, settle: 250, max_settle: 5000, changes: [:created, :deleted]]})",
       expect<WatchRequest>([](const auto& r) {
         return r.id == 3 && r.paths == Paths{"/srv/later"} &&
                r.options == WatchOptions{false, true, true} &&
                r.settings ==
                    Settings{.changes = ChangeSet("01001"), .settle = 250U, .max_settle = 5000U} &&
                r.credit == 0;
       })},
      {R"({:watch, 4, ["/srv/in"], [gitignore: true, ignore: ["*.o", "build/", "!kept.o"], only: ["*.c", "*.h"]]})",
       expect<WatchRequest>([](const auto& r) {
         return r.id == 4 && r.paths == Paths{"/srv/in"} &&
                r.options == WatchOptions{.gitignore = true,
                                          .ignore = {"*.o", "build/", "!kept.o"},
                                          .only = {"*.c", "*.h"}};
       })},
      {R"({:watch, 1, ["/srv/in"], [cursor: {"/var/lib/app/in", nil}, initial: true]})",
       expect<WatchRequest>([](const auto& r) {
         return r.cursor == CursorStart{"/var/lib/app/in", ""} && r.options.report_existing;
       })},
      {R"({:watch, 1, ["/srv/in"], [cursor: {"/var/lib/app/in", "snapshot-17"}]})",
       expect<WatchRequest>([](const auto& r) {
         return r.cursor == CursorStart{"/var/lib/app/in", "snapshot-17"};
       })},
      {R"({:save, 22, "snapshot-18"})",
       expect<SaveRequest>([](const auto& r) { return r.id == 22 && r.name == "snapshot-18"; })},
      {R"({:unwatch, 4, "/srv/in"})",
       expect<UnwatchRequest>([](const auto& r) { return r.id == 4 && r.path == "/srv/in"; })},
      {R"({:sync, 5})", expect<SyncRequest>([](const auto& r) { return r.id == 5; })},
      {R"({:list, 6, []})",
       expect<ListRequest>([](const auto& r) { return r.id == 6 && !r.under && !r.with_stat; })},
      {R"({:list, 7, [under: "/srv/in/a", stat: true]})", expect<ListRequest>([](const auto& r) {
         return r.id == 7 && r.under == "/srv/in/a" && r.with_stat;
       })},
      {R"({:info, 8})", expect<InfoRequest>([](const auto& r) { return r.id == 8; })},
      {R"({:ping, 9223372036854775807})",
       expect<PingRequest>([](const auto& r) { return r.id == 9223372036854775807U; })},
      {R"({:credit, 10})", expect<CreditRequest>([](const auto& r) { return r.batches == 10; })},
      {R"({:credit, :infinity})",
       expect<CreditRequest>([](const auto& r) { return r.batches == Engine::kUnlimited; })},
  };
  return table;
}

// Whether a decoded request is what the document's term says.
const std::map<std::string, RequestCheck>& request_table() {
  static const auto table = merged(command_request_examples(), watch_request_table());
  return table;
}

EngineInfo busy_info() {
  EngineInfo info;
  info.batches = 17;
  info.credit = 64;
  info.directories = 3;
  info.events = 41;
  info.files = 12;
  info.memory = 9437184;
  info.polled = 1;
  info.roots = {{"/srv/in", "inotify"}, {"/srv/later", ""}};
  info.watches = 2;
  return info;
}

EngineInfo fresh_info() {
  EngineInfo info;
  info.memory = 9437184;
  return info;
}

Fatal too_large() {
  FrameReader reader;
  std::string_view chunk("\xFF\xFF\xFF\xFF", 4);
  return Fatal{std::get<Error>(reader.next(chunk))};
}

Fatal truncated() {
  FrameReader reader;
  std::string_view chunk("\0\0\0\7ab", 6);
  EXPECT_TRUE(std::holds_alternative<NeedMore>(reader.next(chunk)));
  return Fatal{reader.at_end().value()};
}

const EntryStat kStat{5, 1700000000000000000, 33188};

// What the program says, by the document's term. Terms of refused requests are not here: the
// codec itself must give them for the payloads of refused_table().
const std::map<std::string, std::string>& watch_said_table() {
  using enum EntryType;
  static const std::map<std::string, std::string> table{
      {R"({:hello, 1, "0.1.0"})", encoded(Hello{LOOKOUT_VERSION})},
      {R"({:reply, 1, :ok})", encoded(Reply{1, Done{}})},
      {R"({:reply, 5, {:ok, 17}})", encoded(Reply{5, std::uint64_t{17}})},
      {R"({:reply, 8, {:ok, %{batches: 17, credit: 64, directories: 3, dirty: 0, events: 41, files: 12, memory: 9437184, overflows: 0, polled: 1, rescans: 0, roots: %{"/srv/in" => :inotify, "/srv/later" => nil}, watches: 2}}})",
       encoded(Reply{8, busy_info()})},
      {R"({:reply, 8, {:ok, %{batches: 0, credit: :infinity, directories: 0, dirty: 0, events: 0, files: 0, memory: 9437184, overflows: 0, polled: 0, rescans: 0, roots: %{}, watches: 0}}})",
       encoded(Reply{8, fresh_info()})},
      {R"({:reply, 1, {:error, {:enoent, :open, "/srv/in", "No such file or directory; create it first, or correct the path"}}})",
       encoded(refusal(1, errno_error(ENOENT, "open", "/srv/in")))},
      {R"({:reply, 4, {:error, {:not_watched, :unwatch, "/srv/in", "this path is not watched"}}})",
       encoded(refusal(4, {"not_watched", "unwatch", "/srv/in", "this path is not watched"}))},
      {R"({:reply, 2, {:error, {:already_watched, :watch, "/srv/in", "this path is watched already"}}})",
       encoded(
           refusal(2, {"already_watched", "watch", "/srv/in", "this path is watched already"}))},
      {R"({:reply, 7, {:error, {:not_found, :list, "/srv/in/a", "no such directory in the tree"}}})",
       encoded(refusal(7, {"not_found", "list", "/srv/in/a", "no such directory in the tree"}))},
      {R"({:reply, 5, {:error, {:eagain, :sync, nil, "Resource temporarily unavailable; too many requests wait for their reply, ask again when some have it"}}})",
       encoded(refusal(5, {"eagain", "sync", "",
                           "Resource temporarily unavailable; too many requests wait for their "
                           "reply, ask again when some have it"}))},
      {R"({:entries, 6, [{:directory, "/srv/in/a", 1233}, {:file, "/srv/in/a/x", 1234}, {:symlink, "/srv/in/l", 1235}, {:other, "/srv/in/p", 1236}]})",
       encoded(Entries{6,
                       {{directory, "/srv/in/a", 1233, {}},
                        {file, "/srv/in/a/x", 1234, kStat},
                        {symlink, "/srv/in/l", 1235, {}},
                        {other, "/srv/in/p", 1236, {}}},
                       false})},
      {R"({:entries, 7, [{:file, "/srv/in/a/x", 1234, 5, 1700000000000000000, 33188}, {:file, "/srv/in/a/y", 1235, nil, nil, nil}]})",
       encoded(Entries{
           7, {{file, "/srv/in/a/x", 1234, kStat}, {file, "/srv/in/a/y", 1235, {}}}, true})},
      {R"({:events, 17, [{:created, :file, "/srv/in/a/x"}, {:renamed, :file, "/srv/in/a/y", "/srv/in/a/x"}]})",
       encoded(EventBatch{17,
                          {{Change::created, file, "/srv/in/a/x", ""},
                           {Change::renamed, file, "/srv/in/a/y", "/srv/in/a/x"}}})},
      {R"({:events, 18, [{:modified, :file, "/srv/in/a/y"}, {:attributes, :directory, "/srv/in/a"}, {:deleted, :symlink, "/srv/in/l"}, {:created, :other, <<47, 115, 114, 118, 47, 105, 110, 47, 255, 10>>}]})",
       encoded(EventBatch{18,
                          {{Change::modified, file, "/srv/in/a/y", ""},
                           {Change::attributes, directory, "/srv/in/a", ""},
                           {Change::deleted, symlink, "/srv/in/l", ""},
                           {Change::created, other, "/srv/in/\xFF\n", ""}}})},
      {R"({:notice, {:overflow, "/srv/in"}})", encoded(Notice{OverflowNotice{"/srv/in"}})},
      {R"({:notice, {:unreadable, "/srv/in/.git", :untrusted}})",
       encoded(Notice{UnreadableNotice{"/srv/in/.git", "untrusted"}})},
      {R"({:notice, {:unreadable, "/srv/in/a", :eacces}})",
       encoded(Notice{UnreadableNotice{"/srv/in/a", "eacces"}})},
      {R"({:notice, {:watch_limit, "/srv/in/a", :poll}})",
       encoded(Notice{WatchLimitNotice{"/srv/in/a"}})},
      {R"({:notice, {:polled, "/srv/in/share", :nfs}})",
       encoded(Notice{PolledNotice{"/srv/in/share", "nfs"}})},
      {R"({:notice, {:unwatched, "/srv/in/proc", :proc}})",
       encoded(Notice{UnwatchedNotice{"/srv/in/proc", "proc"}})},
      {R"({:notice, {:omitted, "/srv/in/home", 2000}})",
       encoded(Notice{OmittedNotice{"/srv/in/home", 2000}})},
      {R"({:notice, {:root_deleted, "/srv/in"}})", encoded(Notice{RootDeletedNotice{"/srv/in"}})},
      {R"({:notice, {:root_created, "/srv/in"}})", encoded(Notice{RootCreatedNotice{"/srv/in"}})},
      {"{:session, {:new, 1700000000000000}}",
       encoded(SessionBegin{1'700'000'000'000'000, std::nullopt})},
      {"{:session, {:resumed, 1700000000000000, 7}}",
       encoded(SessionBegin{1'700'000'000'000'000, 7})},
      {R"({:fatal, {:frame_too_large, :read, nil, "a frame of 4294967295 bytes was announced; at most 4194304 are taken"}})",
       encoded(too_large())},
      {R"({:fatal, {:truncated_frame, :read, nil, "the stream ended after 2 of the 7 bytes of a frame"}})",
       encoded(truncated())},
      {R"term({:reply, 1, {:error, {:emfile, :inotify_init, nil, "Too many open files; raise the limit of open files (ulimit -n) or of inotify instances (fs.inotify.max_user_instances)"}}})term",
       encoded(refusal(1, errno_error(EMFILE, "inotify_init", "")))},
  };
  return table;
}

const std::map<std::string, std::string>& said_table() {
  static const auto table = merged(command_said_examples(), watch_said_table());
  return table;
}

// Requests that are refused, and the document's reply to each.
const std::map<std::string, std::string>& refused_table() {
  using std::string_literals::operator""s;
  static const std::map<std::string, std::string> table{
      {R"({:reply, 1, {:error, {:bad_request, :watch, "srv/in", "expected an absolute path, got \"srv/in\""}}})",
       "\x83h\4w\5watcha\1l\0\0\0\1m\0\0\0\6srv/injj"s},
      {R"({:reply, 3, {:error, {:bad_request, :watch, nil, "expected milliseconds, 0 to 3600000 for the option :settle, got -1"}}})",
       "\x83h\4w\5watcha\3jl\0\0\0\1h\2w\6settleb\xFF\xFF\xFF\xFFj"s},
      {R"({:reply, 10, {:error, {:bad_request, :decode, nil, "expected a request of :watch, :unwatch, :sync, :save, :list, :info, :ping, :credit, :spawn, :stdin, :close_stdin, :signal, :stop, :resize, :stats, :read, got {:halt, 10}"}}})",
       "\x83h\2w\4halta\x0A"s},
      {R"({:reply, nil, {:error, {:bad_request, :credit, nil, "expected a number of batches, 0 or more, or :infinity, got :many"}}})",
       "\x83h\2w\6creditw\4many"s},
      {R"({:reply, nil, {:error, {:bad_term, :decode, nil, "expected the version byte 131, got 71 at byte 0"}}})",
       "GET / HTTP/1.1"s},
  };
  return table;
}

TEST(ProtocolDocument, RequestFramesAreReadAsTheirTermSays) {
  std::set<std::string> seen;
  for (const auto& frame : read_example_frames()) {
    const auto check = request_table().find(frame.term);
    if (check == request_table().end()) continue;
    seen.insert(frame.term);
    const auto decoded = decode_request(payload_of(frame));
    const auto* request = std::get_if<Request>(&decoded);
    ASSERT_NE(request, nullptr) << frame.term;
    EXPECT_TRUE(check->second(*request)) << frame.term;
  }
  EXPECT_EQ(seen.size(), request_table().size()) << "the document lacks a request";
}

TEST(ProtocolDocument, WhatTheProgramSaysIsTheFrameOfItsTerm) {
  std::set<std::string> seen;
  for (const auto& frame : read_example_frames()) {
    const auto said = said_table().find(frame.term);
    if (said == said_table().end()) continue;
    seen.insert(frame.term);
    EXPECT_EQ(payload_of(frame), said->second) << frame.term;
  }
  EXPECT_EQ(seen.size(), said_table().size()) << "the document lacks a message";
}

TEST(ProtocolDocument, RefusalsAreTheFrameOfTheirTerm) {
  std::set<std::string> seen;
  for (const auto& frame : read_example_frames()) {
    const auto request = refused_table().find(frame.term);
    if (request == refused_table().end()) continue;
    seen.insert(frame.term);
    EXPECT_EQ(payload_of(frame), encoded(answer_to(request->second))) << frame.term;
  }
  EXPECT_EQ(seen.size(), refused_table().size()) << "the document lacks a refusal";
}

TEST(ProtocolDocument, HasNoExampleThatIsNotTested) {
  const auto frames = read_example_frames();
  EXPECT_FALSE(frames.empty());
  for (const auto& frame : frames) {
    EXPECT_EQ(request_table().count(frame.term) + said_table().count(frame.term) +
                  refused_table().count(frame.term),
              1U)
        << frame.term;
  }
}

}  // namespace
}  // namespace lookout
