#include "bridge/requests.h"

#include <gtest/gtest.h>

#include "bridge/request_examples.h"

namespace lookout {
namespace {

using namespace std::string_literals;
using namespace etf_builder;

template <class R>
R accepted(const std::string& bytes) {
  auto decoded = decode_request(bytes);
  auto* request = std::get_if<Request>(&decoded);
  if (request == nullptr) {
    ADD_FAILURE() << std::get<RefusedRequest>(decoded).error.detail;
    return R{};
  }
  EXPECT_TRUE(std::holds_alternative<R>(*request));
  return std::get<R>(*request);
}

RefusedRequest refused(const std::string& body) {
  auto decoded = decode_request(term(body));
  auto* refusal = std::get_if<RefusedRequest>(&decoded);
  if (refusal == nullptr) {
    ADD_FAILURE() << "a request was taken that should not be";
    return {};
  }
  return *refusal;
}

std::string watch_with(const std::string& options) {
  return tuple({atom("watch"), integer(1), list({binary("/a")}), options});
}

std::string option_objection(const std::string& options) {
  const auto refusal = refused(watch_with(options));
  EXPECT_EQ(refusal.id, 1U);
  EXPECT_EQ(refusal.error.reason, "bad_request");
  EXPECT_EQ(refusal.error.operation, "watch");
  return refusal.error.detail;
}

class Requests : public ::testing::TestWithParam<Atoms> {};

TEST_P(Requests, AreDecodedWithAtomsOfEitherEncoding) {
  const auto watch = accepted<WatchRequest>(watch_example(GetParam()));
  EXPECT_EQ(watch.id, 1U);
  EXPECT_EQ(watch.paths, (std::vector<std::string>{"/srv/in", "/srv/out"}));
  EXPECT_FALSE(watch.options.recursive);
  EXPECT_TRUE(watch.options.report_existing);
  EXPECT_TRUE(watch.options.wait_for_missing);
  EXPECT_EQ(watch.settings.settle, 1000U);
  EXPECT_EQ(watch.credit, Engine::kUnlimited);
  for (const auto& bytes : request_examples(GetParam())) {
    EXPECT_TRUE(std::holds_alternative<Request>(decode_request(bytes)));
  }
}

INSTANTIATE_TEST_SUITE_P(Atoms, Requests, ::testing::Values(Atoms::utf8, Atoms::latin1));

std::string spawn_objection(const std::string& options) {
  const auto refusal = refused(tuple({atom("spawn"), integer(1), list({binary("true")}), options}));
  EXPECT_EQ(refusal.error.reason + " " + refusal.error.operation, "bad_request spawn");
  return refusal.error.detail;
}

// An error ends in a log.
TEST(SpawnRequest, P10ARefusalShowsNoValueOfTheEnvironmentAndNoInput) {
  const std::string secret = "topsecret";
  const std::string compact = "k\0\x9"s + secret;  // a charlist
  const std::string list_of_integers = list({integer('t'), integer('o'), integer(300)});
  for (const std::string& name : {binary("A"), binary("A=B")}) {
    for (const std::string& value : {binary(secret + '\0'), compact, list_of_integers}) {
      const std::string env = option("env", list({tuple({name, value})}));
      for (const std::string& options : {list({env}), list({env, env}), list({env, atom("x")}),
                                         tuple({atom("env"), value}), list({env}, atom("tail"))}) {
        const std::string detail = spawn_objection(options);
        EXPECT_EQ(detail.find(secret), std::string::npos) << detail;
        EXPECT_EQ(detail.find("116"), std::string::npos) << detail;
      }
    }
  }
  EXPECT_EQ(spawn_objection(list({option("env", list({tuple({binary("A"), compact})}))})),
            "expected a list of {name, value or nil}, binaries without NUL, names not empty and "
            "without =, for the option :env, got [{a binary of 1 bytes, a list of 9 integers}]");
  for (const std::string& request :
       {tuple({atom("stdin"), compact}), tuple({atom("stdin"), list_of_integers}),
        tuple({atom("stdim"), binary(secret)}),
        tuple({atom("spawn"), integer(1), list({binary("true")}), binary(secret), atom("x")})}) {
    const std::string detail = refused(request).error.detail;
    EXPECT_EQ(detail.find(secret), std::string::npos) << detail;
    EXPECT_EQ(detail.find("116"), std::string::npos) << detail;
  }
}

TEST(SpawnRequest, UserAndGroupsAreNamesOrNumbersThatSetresuidTakes) {
  for (const auto& bad :
       {binary(""), binary("a\0b"s), integer(4'294'967'295), integer(-1), atom("root")}) {
    EXPECT_NE(spawn_objection(list({option("user", bad)})).find("for the option :user"),
              std::string::npos);
    EXPECT_NE(spawn_objection(list({option("groups", list({bad}))})).find("for the option :groups"),
              std::string::npos);
  }
  EXPECT_NE(spawn_objection(list({option("groups", binary("audio"))})).find(":groups"),
            std::string::npos);
}

TEST(SpawnRequest, LimitsOfACgroupAreKnownAndHaveTheirBounds) {
  const auto with = [](const std::string& limits) {
    return spawn_objection(list({option("cgroup", limits)}));
  };
  for (const auto& bad :
       {nil(), list({option("memory_max", integer(0))}), list({option("cpu_max", integer(999))}),
        list({option("io_max", integer(5))}), list({option("pids_max", atom("max"))}),
        atom("max")}) {
    EXPECT_NE(with(bad).find("for the option :cgroup"), std::string::npos);
  }
}

TEST(SpawnRequest, LimitsOfACgroupDoNotGoWithProcessesThatOutliveIt) {
  const auto limits = option("cgroup", list({option("pids_max", integer(5))}));
  EXPECT_NE(spawn_objection(list({limits, option("linger", atom("infinity"))})).find("linger"),
            std::string::npos);
}

TEST(WatchRequest, HasDefaults) {
  const auto watch = accepted<WatchRequest>(term(watch_with(nil())));
  EXPECT_TRUE(watch.options.recursive);
  EXPECT_FALSE(watch.options.report_existing);
  EXPECT_FALSE(watch.options.wait_for_missing);
  EXPECT_EQ(watch.settings, Settings{});
  EXPECT_EQ(watch.credit, 0U);
}

TEST(WatchRequest, TakesRawBytesAsAPath) {
  const std::string path = "/\xFF\n\x01";
  const auto watch =
      accepted<WatchRequest>(term(tuple({atom("watch"), integer(1), list({binary(path)}), nil()})));
  EXPECT_EQ(watch.paths, std::vector<std::string>{path});
}

TEST(WatchRequest, RefusesUnknownOptionsByName) {
  EXPECT_EQ(option_objection(list({option("recursiv", atom("true"))})),
            "expected an option of :recursive, :initial, :missing, :changes, :settle, "
            ":max_settle, :backend, :poll_interval, :follow_symlinks, :await, :gitignore, :ignore, "
            ":only, :credit, :cursor, got "
            ":recursiv");
}

TEST(WatchRequest, RefusesBadValuesWithWhatWasExpectedAndWhatCame) {
  EXPECT_EQ(option_objection(list({option("recursive", integer(1))})),
            "expected true or false for the option :recursive, got 1");
  EXPECT_EQ(option_objection(list({option("initial", atom("yes"))})),
            "expected true or false for the option :initial, got :yes");
  EXPECT_EQ(option_objection(list({option("missing", atom("ignore"))})),
            "expected :error or :wait for the option :missing, got :ignore");
  EXPECT_EQ(option_objection(list({option("settle", integer(3'600'001))})),
            "expected milliseconds, 0 to 3600000 for the option :settle, got 3600001");
  EXPECT_EQ(option_objection(list({option("max_settle", integer(86'400'001))})),
            "expected milliseconds, 0 to 86400000 for the option :max_settle, got 86400001");
  EXPECT_EQ(option_objection(list({option("credit", integer(-1))})),
            "expected a number of batches, 0 or more, or :infinity for the option :credit, got -1");
  EXPECT_EQ(option_objection(list({option("cursor", tuple({binary("/x"), binary("lock")}))})),
            "expected {directory, nil} or {directory, name} with an absolute path without .. parts "
            "and a name that :save takes, for the option :cursor, got {\"/x\", \"lock\"}");
}

TEST(WatchRequest, TakesWhichChangesAreTold) {
  const auto watch = accepted<WatchRequest>(
      term(watch_with(list({option("changes", list({atom("created"), atom("renamed")}))}))));
  EXPECT_EQ(watch.settings, Settings{.changes = ChangeSet("10001")});
}

TEST(WatchRequest, RefusesChangesThatAreNone) {
  const std::string expected =
      "expected a list of :created, :modified, :attributes, :deleted or :renamed, not empty, for "
      "the option :changes, got ";
  EXPECT_EQ(option_objection(list({option("changes", nil())})), expected + "[]");
  EXPECT_EQ(option_objection(list({option("changes", list({atom("moved")}))})),
            expected + "[:moved]");
  EXPECT_EQ(option_objection(list({option("changes", atom("created"))})), expected + ":created");
}

TEST(WatchRequest, TakesPatternsAsRawBytes) {
  const auto watch = accepted<WatchRequest>(term(watch_with(
      list({option("ignore", list({binary("*.o"), binary("\xFF\n")})), option("only", nil())}))));
  EXPECT_EQ(watch.options.ignore, (std::vector<std::string>{"*.o", "\xFF\n"}));
  EXPECT_TRUE(watch.options.only.empty());
}

TEST(WatchRequest, RefusesWhatIsNoPatternAndShowsWhich) {
  const auto objection = [](const std::string& patterns) {
    return option_objection(list({option("ignore", patterns)}));
  };
  const std::string expected =
      "expected a list of at most 4096 patterns, each a binary of at most 4096 bytes without a NUL "
      "byte, for the option :ignore, got ";
  EXPECT_EQ(objection(binary("*.o")), expected + "\"*.o\"");
  EXPECT_EQ(objection(list({binary("*.o"), binary("a\0b"s), binary("c")})),
            expected + "\"a\\x00b\"");
  EXPECT_EQ(objection(list({binary("*.o"), atom("all")})), expected + ":all");
  EXPECT_EQ(objection(list({binary("a")}, binary("b"))), expected + "\"b\"");
  EXPECT_TRUE(objection(list({binary(std::string(4097, 'a'))})).starts_with(expected + "\"aaa"));
  std::string many = "l" + big_endian(kMaxPatterns + 1, 4);
  for (std::size_t i = 0; i <= kMaxPatterns; ++i) many += binary("a");
  EXPECT_TRUE(objection(many + nil()).starts_with(expected + "[\"a\", "));
}

TEST(WatchRequest, RefusesOptionsThatAreNoListOfPairs) {
  EXPECT_EQ(option_objection(atom("all")), "expected a list of options, got :all");
  EXPECT_EQ(option_objection("k\0\2\1\2"s), "expected a list of options, got [1, 2]");
  EXPECT_EQ(option_objection(list({atom("recursive")})),
            "expected an option as {name, value}, got :recursive");
  EXPECT_EQ(option_objection(list({tuple({integer(1), integer(2)})})),
            "expected the name of an option as an atom, got 1");
  const auto once = option("settle", integer(1));
  EXPECT_EQ(option_objection(list({once, once})),
            "expected each option once, got [{:settle, 1}, {:settle, 1}]");
  EXPECT_EQ(option_objection(list({once}, atom("tail"))),
            "expected a proper list of options, got [{:settle, 1} | :tail]");
}

TEST(WatchRequest, RefusesWhatIsNoListOfPaths) {
  const auto objection = [](const std::string& paths) {
    return refused(tuple({atom("watch"), integer(1), paths, nil()})).error;
  };
  EXPECT_EQ(objection(binary("/a")).detail, "expected a list of paths, got \"/a\"");
  EXPECT_EQ(objection(list({atom("home")})).detail, "expected a path as a binary, got :home");
  EXPECT_EQ(objection(list({binary("/a")}, binary("/b"))).detail,
            "expected a proper list of paths, got [\"/a\" | \"/b\"]");
  EXPECT_EQ(objection(list({binary("a\nb")})),
            (Error{"bad_request", "watch", "a\nb", "expected an absolute path, got \"a\\nb\""}));
  std::string many = "l" + big_endian(kMaxPaths + 1, 4);
  for (std::size_t i = 0; i <= kMaxPaths; ++i) many += binary("/a");
  EXPECT_EQ(objection(many + nil()).detail, "expected at most 4096 paths, got 4097");
}

TEST(ListRequest, ReadsItsOptionsStrictly) {
  const auto all = accepted<ListRequest>(term(tuple({atom("list"), integer(4), nil()})));
  EXPECT_EQ(all.under, std::nullopt);
  EXPECT_FALSE(all.with_stat);
  const auto part = accepted<ListRequest>(
      term(tuple({atom("list"), integer(4),
                  list({option("under", binary("/a/")), option("stat", atom("true"))})})));
  EXPECT_EQ(part.under, "/a");
  EXPECT_TRUE(part.with_stat);
  EXPECT_EQ(
      refused(tuple({atom("list"), integer(4), list({option("under", binary("a"))})})).error.detail,
      "expected an absolute path as a binary, without .. parts for the option :under, got \"a\"");
  EXPECT_EQ(
      refused(tuple({atom("list"), integer(4), list({option("depth", integer(1))})})).error.detail,
      "expected an option of :under, :stat, got :depth");
}

TEST(SaveRequest, SaysWhichNamesItRefuses) {
  for (const char* name : {".", "..", "lock", "x.new"}) {
    EXPECT_EQ(refused(tuple({atom("save"), integer(2), binary(name)})).error.detail,
              "expected the name of a snapshot, a binary of 1 to 200 bytes without a slash or a "
              "NUL byte, other than \".\", \"..\" and \"lock\" and without \".new\" at its end, "
              "got \"" +
                  std::string(name) + "\"");
  }
}

TEST(CreditRequest, TakesANumberOrInfinity) {
  EXPECT_EQ(accepted<CreditRequest>(term(tuple({atom("credit"), integer(0)}))).batches, 0U);
  EXPECT_EQ(accepted<CreditRequest>(term(tuple({atom("credit"), atom("infinity")}))).batches,
            Engine::kUnlimited);
  const auto refusal = refused(tuple({atom("credit"), binary("1")}));
  EXPECT_EQ(refusal.id, std::nullopt);
  EXPECT_EQ(refusal.error.detail,
            "expected a number of batches, 0 or more, or :infinity, got \"1\"");
}

TEST(Refusal, OfAnUnknownRequestHasTheIdWhereThereIsOne) {
  EXPECT_EQ(refused(tuple({atom("halt"), integer(10)})).id, 10U);
  EXPECT_EQ(refused(tuple({atom("halt"), atom("x")})).id, std::nullopt);
  for (const auto& body : {tuple({}), tuple({integer(1)}), atom("ping"), nil(), integer(3),
                           list({atom("ping"), integer(1)})}) {
    const auto refusal = refused(body);
    EXPECT_EQ(refusal.id, std::nullopt);
    EXPECT_EQ(refusal.error.reason, "bad_request");
    EXPECT_EQ(refusal.error.operation, "decode");
  }
}

TEST(Refusal, OfAWrongShapeSaysTheRightOne) {
  const auto refusal = refused(tuple({atom("sync"), integer(3), nil()}));
  EXPECT_EQ(refusal.id, 3U);
  EXPECT_EQ(refusal.error,
            (Error{"bad_request", "sync", "", "expected {:sync, id}, got {:sync, 3, []}"}));
}

TEST(Refusal, OfABadIdSaysWhatAnIdIs) {
  for (const auto& id : {integer(-1), "n\x8\0\0\0\0\0\0\0\0\x80"s, binary("1"), atom("one")}) {
    const auto refusal = refused(tuple({atom("ping"), id}));
    EXPECT_EQ(refusal.id, std::nullopt);
    EXPECT_NE(refusal.error.detail.find("expected an id from 0 to 9223372036854775807"),
              std::string::npos);
  }
}

TEST(Refusal, OfBytesThatAreNoTermIsABadTerm) {
  const auto decoded = decode_request("GET / HTTP/1.1\r\n");
  const auto& refusal = std::get<RefusedRequest>(decoded);
  EXPECT_EQ(refusal.id, std::nullopt);
  EXPECT_EQ(refusal.error,
            (Error{"bad_term", "decode", "", "expected the version byte 131, got 71 at byte 0"}));
}

TEST(Refusal, IsShortHoweverLongTheTermIs) {
  const auto huge = binary(std::string(3'000'000, '\x1B'));
  EXPECT_LT(refused(tuple({atom("ping"), huge})).error.detail.size(), 400U);
  const auto path_refusal = refused(tuple({atom("unwatch"), integer(1), huge}));
  EXPECT_LT(path_refusal.error.detail.size(), 400U);
  EXPECT_LE(path_refusal.error.path.size(), kMaxPathSize);
}

}  // namespace
}  // namespace lookout
