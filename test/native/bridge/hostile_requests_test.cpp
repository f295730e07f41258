// P7: no byte on the wire can crash or hang the program. The payloads are copied into memory of
// their exact size, so that the sanitizer sees a read past their end.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>

#include "bridge/request_examples.h"
#include "bridge/requests.h"

namespace lookout {
namespace {

using namespace std::string_literals;
using namespace etf_builder;

// Decodes a copy; what comes is a request, or an error that says something.
bool is_request(const std::string& bytes) {
  const auto exact = std::make_unique<char[]>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), exact.get());
  const auto decoded = decode_request({exact.get(), bytes.size()});
  const auto* refusal = std::get_if<RefusedRequest>(&decoded);
  if (refusal == nullptr) return true;
  const bool known = refusal->error.reason == "bad_term" || refusal->error.reason == "bad_request";
  EXPECT_TRUE(known) << refusal->error.reason;
  EXPECT_FALSE(refusal->error.detail.empty());
  return false;
}

std::string repeated(const std::string& part, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += part;
  return all;
}

TEST(HostileRequests, EveryTruncationOfEveryRequestIsRefused) {
  for (const auto atoms : {Atoms::utf8, Atoms::latin1}) {
    for (const auto& bytes : request_examples(atoms)) {
      EXPECT_TRUE(is_request(bytes));
      for (std::size_t size = 0; size < bytes.size(); ++size) {
        EXPECT_FALSE(is_request(bytes.substr(0, size))) << "cut to " << size;
      }
    }
  }
}

TEST(HostileRequests, EverySingleByteMutationIsARequestOrAnError) {
  for (const auto atoms : {Atoms::utf8, Atoms::latin1}) {
    for (const auto& bytes : request_examples(atoms)) {
      std::size_t refusals = 0;
      for (std::size_t at = 0; at < bytes.size(); ++at) {
        for (int value = 0; value < 256; ++value) {
          std::string mutated = bytes;
          mutated[at] = static_cast<char>(value);
          if (!is_request(mutated)) ++refusals;
        }
      }
      EXPECT_GT(refusals, 0U);
    }
  }
}

TEST(HostileRequests, EveryInsertionAndRemovalOfAByteIsARequestOrAnError) {
  for (const auto& bytes : request_examples()) {
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      is_request(bytes.substr(0, at) + bytes.substr(at + 1));
      for (const char byte : "\0\1\x68\x6A\x6C\x6D\x77\x7F\xFF"s) {
        is_request(bytes.substr(0, at) + byte + bytes.substr(at));
      }
    }
  }
}

TEST(HostileRequests, RandomMutationsAreRequestsOrErrors) {
  std::mt19937 random(20240229);  // the same bytes in every run
  const auto examples = request_examples();
  const auto pick = [&random](std::size_t bound) {
    return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random);
  };
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = examples[pick(examples.size())];
    for (std::size_t i = pick(6) + 1; i > 0; --i) {
      bytes[pick(bytes.size())] = static_cast<char>(pick(256));
    }
    is_request(bytes);
  }
}

TEST(HostileRequests, RandomBytesBehindTheVersionAreRequestsOrErrors) {
  std::mt19937 random(7);
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = "\x83";
    for (std::size_t size = random() % 64; size > 0; --size) bytes += static_cast<char>(random());
    is_request(bytes);
  }
}

TEST(HostileRequests, NestingCannotExhaustTheStack) {
  EXPECT_FALSE(is_request(term(repeated("h\1"s, 200'000) + "j")));
  EXPECT_FALSE(is_request(term(repeated("l\0\0\0\1"s, 200'000) + repeated("j"s, 200'001))));
  EXPECT_FALSE(is_request(term("h\2"s + atom("ping") + repeated("t\0\0\0\1"s, 200'000))));
  EXPECT_FALSE(is_request(term("h\2"s + atom("ping") + repeated("h\1"s, 60) + "j")));
}

TEST(HostileRequests, AnnouncedAritiesCostNothing) {
  for (const auto& header : {"l\x7F\xFF\xFF\xFF"s, "i\xFF\xFF\xFF\xFF"s, "t\xFF\xFF\xFF\xFF"s,
                             "m\xFF\xFF\xFF\xFF"s, "t\x80\0\0\0"s}) {
    EXPECT_FALSE(is_request(term(header)));
    EXPECT_FALSE(is_request(term("h\4"s + atom("watch") + integer(1) + header)));
  }
}

TEST(HostileRequests, PathsOfEveryKindAreTakenOrRefused) {
  const auto watching = [](const std::string& path) {
    return is_request(term(tuple({atom("watch"), integer(1), list({binary(path)}), nil()})));
  };
  EXPECT_TRUE(watching("/" + repeated("x"s, kMaxPathSize - 1)));
  EXPECT_FALSE(watching("/" + repeated("x"s, kMaxPathSize)));
  EXPECT_TRUE(watching(repeated("/a"s, kMaxPathSize / 2)));
  EXPECT_FALSE(watching(""));
  EXPECT_FALSE(watching("/a\0b"s));
  EXPECT_FALSE(watching("/a//b/../c"));
}

}  // namespace
}  // namespace lookout
