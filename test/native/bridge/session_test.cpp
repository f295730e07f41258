#include "bridge/session.h"

#include <gtest/gtest.h>

#include <utility>

#include "bridge/announcer.h"
#include "bridge/fake_commanding.h"
#include "bridge/fake_watching.h"
#include "bridge/request_examples.h"

namespace lookout {
namespace {

using namespace etf_builder;

// Keeps what is sent; has room or not as the test says.
class FakeSink : public Sink {
 public:
  void send(std::string_view payload) override { sent.emplace_back(payload); }
  bool has_room() const override { return room; }

  std::vector<std::string> sent;
  bool room = true;
};

class SessionTest : public ::testing::Test {
 protected:
  void ask(const std::string& body) { session.on_payload(term(body)); }

  // Everything sent since the last look.
  std::vector<std::string> said() { return std::exchange(sink.sent, {}); }

  static std::string reply(std::int64_t id, const std::string& outcome) {
    return term(tuple({atom("reply"), integer(id), outcome}));
  }
  static std::string ok(std::int64_t seq) { return tuple({atom("ok"), integer(seq)}); }
  static std::string error(const Error& e) {
    return tuple({atom("error"),
                  tuple({atom(e.reason), atom(e.operation), binary(e.path), binary(e.detail)})});
  }
  static std::string watch(const std::string& options) {
    return tuple({atom("watch"), integer(1), list({binary("/a"), binary("/b")}), options});
  }

  FakeSink sink;
  Outbox outbox{sink};
  FakeWatching engine;
  FakeCommanding command;
  Session session{engine, command, outbox};
};

using Replies = std::vector<std::string>;

const Error kMissing{"enoent", "open", "/a", "No such file or directory"};

TEST_F(SessionTest, WatchIsAnsweredWhenTheEngineIsDone) {
  ask(watch(list({option("recursive", atom("false")), option("initial", atom("true"))})));
  EXPECT_EQ(said(), Replies{});
  ASSERT_EQ(engine.watches.size(), 1U);
  EXPECT_EQ(engine.watches[0].paths, (std::vector<std::string>{"/a", "/b"}));
  EXPECT_FALSE(engine.watches[0].options.recursive);
  EXPECT_TRUE(engine.watches[0].options.report_existing);
  engine.watches[0].done(Done{});
  EXPECT_EQ(said(), Replies{reply(1, atom("ok"))});
  EXPECT_TRUE(engine.grants.empty());
  EXPECT_EQ(engine.settings, std::vector<Settings>(1));
}

TEST_F(SessionTest, WatchPassesOnSettleAndCreditOnceItHasSucceeded) {
  ask(watch(list({option("settle", integer(50)), option("credit", integer(64))})));
  EXPECT_TRUE(engine.grants.empty());
  engine.watches[0].done(Done{});
  EXPECT_EQ(engine.grants, std::vector<std::uint64_t>{64});
  EXPECT_EQ(engine.settings, std::vector<Settings>{{.settle = 50}});
}

TEST_F(SessionTest, WatchThatFailsGrantsNothing) {
  ask(watch(list({option("settle", integer(50)), option("credit", integer(64))})));
  engine.watches[0].done(kMissing);
  EXPECT_EQ(said(), Replies{reply(1, error(kMissing))});
  EXPECT_TRUE(engine.grants.empty());
  EXPECT_TRUE(engine.settings.empty());
}

TEST_F(SessionTest, AWatchWithACursorGoesOnFromItAndIsAnsweredWithTheLastBatch) {
  ask(watch(list({option("cursor", tuple({binary("/c"), binary("snapshot-1")})),
                  option("credit", integer(3))})));
  EXPECT_TRUE(engine.watches.empty());
  ASSERT_EQ(engine.watches_from.size(), 1U);
  EXPECT_EQ(engine.watches_from[0].start, (CursorStart{"/c", "snapshot-1"}));
  EXPECT_TRUE(engine.grants.empty());
  engine.watches_from[0].done(std::uint64_t{17});
  EXPECT_EQ(said(), Replies{reply(1, ok(17))});
  EXPECT_EQ(engine.grants, std::vector<std::uint64_t>{3});
}

TEST_F(SessionTest, SaveIsAnsweredWithTheLastBatch) {
  ask(tuple({atom("save"), integer(2), binary("snapshot-2")}));
  ASSERT_EQ(engine.saves.size(), 1U);
  EXPECT_EQ(engine.saves[0].name, "snapshot-2");
  engine.saves[0].done(std::uint64_t{18});
  EXPECT_EQ(said(), Replies{reply(2, ok(18))});
}

TEST_F(SessionTest, NoSnapshotIsSavedOutsideOfItsDirectory) {
  for (const char* name : {"", "../x", "/etc/passwd", "a/b", ".", "..", "lock", "x.new"}) {
    ask(tuple({atom("save"), integer(2), binary(name)}));
    ask(watch(list({option("cursor", tuple({binary("/c"), binary(name)}))})));
    EXPECT_EQ(said().size(), 2U) << name;
  }
  EXPECT_TRUE(engine.saves.empty());
  EXPECT_TRUE(engine.watches_from.empty());
}

TEST_F(SessionTest, UnwatchIsAnsweredWithItsOutcome) {
  ask(tuple({atom("unwatch"), integer(2), binary("/a")}));
  EXPECT_EQ(engine.unwatches[0].path, "/a");
  engine.unwatches[0].done(kMissing);
  EXPECT_EQ(said(), Replies{reply(2, error(kMissing))});
}

TEST_F(SessionTest, SyncsAreAnsweredEachWithItsOwnId) {
  ask(tuple({atom("sync"), integer(3)}));
  ask(tuple({atom("sync"), integer(4)}));
  engine.syncs[1](std::uint64_t{18});
  engine.syncs[0](std::uint64_t{17});
  EXPECT_EQ(said(), (Replies{reply(4, ok(18)), reply(3, ok(17))}));
}

TEST_F(SessionTest, ListIsAnsweredByItsChunksAndThenTheSeq) {
  ask(tuple({atom("list"), integer(5), list({option("under", binary("/a"))})}));
  EXPECT_EQ(engine.lists[0].under, "/a");
  EXPECT_FALSE(engine.lists[0].with_stat);
  engine.lists[0].chunk({{EntryType::file, "/a/x", 7, {}}});
  engine.lists[0].done(std::uint64_t{17});
  EXPECT_EQ(said(),
            (Replies{term(tuple({atom("entries"), integer(5),
                                 list({tuple({atom("file"), binary("/a/x"), integer(7)})})})),
                     reply(5, ok(17))}));
}

TEST_F(SessionTest, ListWithStatSaysNilWhereAnEntryCouldNotBeLookedAt) {
  ask(tuple({atom("list"), integer(5), list({option("stat", atom("true"))})}));
  EXPECT_TRUE(engine.lists[0].with_stat);
  engine.lists[0].chunk({{EntryType::file, "/a/x", 7, {}}});
  EXPECT_EQ(said(), Replies{term(tuple({atom("entries"), integer(5),
                                        list({tuple({atom("file"), binary("/a/x"), integer(7),
                                                     atom("nil"), atom("nil"), atom("nil")})})}))});
}

TEST_F(SessionTest, PingIsAnsweredAtOnceWhateverWaits) {
  sink.room = false;
  ask(tuple({atom("sync"), integer(3)}));
  ask(watch(nil()));
  ask(tuple({atom("ping"), integer(6)}));
  EXPECT_EQ(said(), Replies{reply(6, atom("ok"))});
}

TEST_F(SessionTest, InfoIsAnsweredAtOnce) {
  ask(tuple({atom("info"), integer(7)}));
  ASSERT_EQ(sink.sent.size(), 1U);
  EXPECT_TRUE(sink.sent[0].starts_with(term("h\3" + atom("reply") + integer(7))));
}

TEST_F(SessionTest, CreditGoesToTheEngineAndIsNotAnswered) {
  ask(tuple({atom("credit"), integer(10)}));
  ask(tuple({atom("credit"), atom("infinity")}));
  EXPECT_EQ(engine.grants, (std::vector<std::uint64_t>{10, Engine::kUnlimited}));
  EXPECT_EQ(said(), Replies{});
}

TEST_F(SessionTest, BadPayloadIsAnsweredAndTheNextRequestServed) {
  session.on_payload("GET / HTTP/1.1");
  ask(tuple({atom("halt"), integer(9)}));
  ask(tuple({atom("ping"), integer(6)}));
  const auto answers = said();
  ASSERT_EQ(answers.size(), 3U);
  EXPECT_NE(answers[0].find("bad_term"), std::string::npos);
  EXPECT_NE(answers[1].find("bad_request"), std::string::npos);
  EXPECT_EQ(answers[2], reply(6, atom("ok")));
}

TEST_F(SessionTest, RequestsThatWaitAreBoundedAndTheRestIsServed) {
  const std::size_t cost = term(tuple({atom("sync"), integer(3)})).size() + kRequestCost;
  const std::size_t taken = kMaxWaiting / cost;
  for (std::size_t i = 0; i < taken; ++i) ask(tuple({atom("sync"), integer(3)}));
  EXPECT_EQ(said(), Replies{});
  ask(tuple({atom("sync"), integer(4)}));
  EXPECT_EQ(engine.syncs.size(), taken);
  ASSERT_EQ(sink.sent.size(), 1U);
  EXPECT_NE(sink.sent[0].find("eagain"), std::string::npos);
  said();
  ask(tuple({atom("ping"), integer(6)}));
  EXPECT_EQ(said(), Replies{reply(6, atom("ok"))});
  engine.syncs[0](std::uint64_t{1});
  ask(tuple({atom("sync"), integer(5)}));
  EXPECT_EQ(engine.syncs.size(), taken + 1);
}

TEST_F(SessionTest, RoomInTheSinkResumesTheEngineAndTheCommand) {
  session.on_room();
  EXPECT_EQ(engine.resumes, 1);
  EXPECT_EQ(command.resumes, 1);
}

TEST_F(SessionTest, SpawnIsAnsweredWithTheProcessIdAndThenGrantsItsCredit) {
  ask(tuple(
      {atom("spawn"), integer(1), list({binary("true")}), list({option("credit", integer(100))})}));
  ASSERT_EQ(command.specs.size(), 1U);
  EXPECT_EQ(command.specs[0].argv, std::vector<std::string>{"true"});
  EXPECT_TRUE(command.grants.empty());
  command.spawned[0](std::uint64_t{4711});
  EXPECT_EQ(said(), Replies{reply(1, ok(4711))});
  EXPECT_EQ(command.grants, (std::vector<FakeCommanding::Grant>{{OutputStreamName::output, 100},
                                                                {OutputStreamName::errors, 100}}));
}

TEST_F(SessionTest, SpawnThatFailsGrantsNothing) {
  ask(tuple(
      {atom("spawn"), integer(1), list({binary("true")}), list({option("credit", integer(100))})}));
  command.spawned[0](kMissing);
  EXPECT_EQ(said(), Replies{reply(1, error(kMissing))});
  EXPECT_TRUE(command.grants.empty());
}

TEST_F(SessionTest, RequestsOfACommandAreAnsweredAtOnce) {
  ask(tuple({atom("signal"), integer(2), atom("term")}));
  ask(tuple({atom("stop"), integer(3), integer(10)}));
  ask(tuple({atom("close_stdin"), integer(4)}));
  ask(tuple({atom("resize"), integer(5), tuple({integer(1), integer(2)})}));
  EXPECT_EQ(said(), (Replies{reply(2, atom("ok")), reply(4, atom("ok")), reply(5, atom("ok"))}));
  EXPECT_EQ(command.signals, std::vector<int>{15});
  EXPECT_EQ(command.graces, std::vector<std::chrono::milliseconds>{std::chrono::milliseconds(10)});
  EXPECT_EQ(command.closes, 1);
  EXPECT_EQ(command.sizes, (std::vector<WindowSize>{{1, 2}}));
}

TEST_F(SessionTest, StatsAreAnsweredAtOnceOrWithTheReasonWhyThereAreNone) {
  ask(tuple({atom("stats"), integer(1)}));
  EXPECT_EQ(said().size(), 1U);
  command.usage = kMissing;
  ask(tuple({atom("stats"), integer(2)}));
  EXPECT_EQ(said(), Replies{reply(2, error(kMissing))});
}

TEST_F(SessionTest, StopIsAnsweredWhenNothingIsLeftOrWhenThatHasFailed) {
  ask(tuple({atom("stop"), integer(1), integer(10)}));
  ask(tuple({atom("stop"), integer(2), integer(20)}));
  EXPECT_EQ(said(), Replies{});
  command.stopped[1](Done{});
  command.stopped[0](kMissing);
  EXPECT_EQ(said(), (Replies{reply(2, atom("ok")), reply(1, error(kMissing))}));
}

TEST_F(SessionTest, InputIsAnsweredOnlyWhereItIsNotTaken) {
  ask(tuple({atom("stdin"), binary("a")}));
  ask(tuple({atom("read"), atom("stderr"), integer(7)}));
  EXPECT_EQ(said(), Replies{});
  EXPECT_EQ(command.written, "a");
  EXPECT_EQ(command.grants, (std::vector<FakeCommanding::Grant>{{OutputStreamName::errors, 7}}));
  command.outcome = kMissing;
  ask(tuple({atom("stdin"), binary("b")}));
  EXPECT_EQ(said(), Replies{term(tuple({atom("reply"), atom("nil"), error(kMissing)}))});
}

TEST_F(SessionTest, BrokenStreamIsToldAsFatal) {
  session.on_broken(Error{"truncated_frame", "read", "", "cut off"});
  EXPECT_EQ(said(), Replies{term(tuple({atom("fatal"), tuple({atom("truncated_frame"), atom("read"),
                                                              atom("nil"), binary("cut off")})}))});
}

TEST_F(SessionTest, AnnouncerPassesOnBatchesAndNoticesInOrder) {
  Announcer announcer(outbox);
  announcer.on_events(1, {{Change::created, EntryType::file, "/a/x", ""}});
  announcer.on_notice(OverflowNotice{"/a"});
  EXPECT_EQ(said(),
            (Replies{term(tuple({atom("events"), integer(1),
                                 list({tuple({atom("created"), atom("file"), binary("/a/x")})})})),
                     term(tuple({atom("notice"), tuple({atom("overflow"), binary("/a")})}))}));
}

TEST_F(SessionTest, AnnouncerHasRoomAsLongAsTheSinkHas) {
  const Announcer announcer(outbox);
  EXPECT_TRUE(announcer.has_room());
  sink.room = false;
  EXPECT_FALSE(announcer.has_room());
}

}  // namespace
}  // namespace lookout
