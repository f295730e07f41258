// The tree as a snapshot and back, and the stamps of files.
#include <gtest/gtest.h>

#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "watch/model/content_rules.h"
#include "watch/model/stamp.h"
#include "watch/model/tree.h"
#include "watch/model/tree_loader.h"
#include "watch/model/tree_saver.h"

namespace lookout {
namespace {

constexpr std::uint64_t kSalt = 7;
constexpr std::int64_t kMoment = 200'000'000'001;
constexpr std::int64_t kBefore = kMoment - 1'000'000'000;
constexpr std::int64_t kAfter = kMoment + 1'000'000'000;

FileStatus file() {
  FileStatus look{};
  look.type = EntryType::file;
  look.mode = 0100644;
  look.links = 1;
  look.size = 5;
  look.mtime = look.ctime = kBefore;
  look.birth = kBefore;
  return look;
}

SnapshotDecoder::Source source(const std::string& bytes) {
  return [left = std::string_view(bytes)](char* out, std::size_t size) mutable {
    const std::size_t got = std::min(size, left.size());
    std::memcpy(out, left.data(), got);
    left.remove_prefix(got);
    return Result<std::size_t>(got);
  };
}

TEST(TreeSnapshot, ATreeIsTheSameAfterItWasSavedAndLoaded) {
  Tree tree;
  const NodeId root = tree.add_root("/r", {1, 2});
  tree.set_mode(root, 0750);
  std::vector<NodeId> directories{root};
  for (std::uint64_t i = 0; i < 3000; ++i) {
    const NodeId parent = directories[i * 7 % directories.size()];
    const bool directory = i % 5 == 0;
    const NodeId node = tree.add(
        parent, "n" + std::to_string(i),
        directory ? EntryType::directory : static_cast<EntryType>(i % 2 * 2), {1 + i % 2, 10 + i});
    if (directory) {
      tree.set_mode(node, static_cast<std::uint16_t>(i & 07777));
      tree.set(node, DirMark::linked, i % 3 == 0);
      directories.push_back(node);
    } else {
      tree.set(node, Mark::written, i % 11 == 0);
      tree.set(node, Mark::altered, i % 13 == 0);
      if (i % 2 == 0) tree.set_stamp(node, stamp_of(file(), i));
    }
    tree.set(node, Mark::missed, i % 17 == 0);
  }
  const SnapshotHeader header{kMoment,
                              3,
                              kSalt,
                              {{1, 1, 1, "/r"}, {2, 2, 2, "/r/n0"}},
                              {{.path = "/r", .inode = 2, .mode = 0750}}};
  TreeSaver saver(
      tree, header, {root},
      [&](NodeId node) {
        return node == directories[9] ? std::optional<std::int64_t>(5) : std::nullopt;
      },
      [](NodeId) { return false; });
  while (saver.step()) continue;
  const std::string bytes = saver.take();

  Tree loaded;
  SnapshotDecoder decoder(source(bytes), "/s");
  ASSERT_TRUE(std::get<SnapshotHeader>(decoder.header()) == header);
  TreeLoader loader(loaded, std::move(decoder), header, true);
  ASSERT_EQ(loader.begin({{1, false}, {2, true}}), std::nullopt);
  for (;;) {
    const auto more = loader.step();
    ASSERT_TRUE(std::holds_alternative<bool>(more));
    if (!std::get<bool>(more)) break;
  }
  ASSERT_EQ(loader.moments().size(), 1U);
  EXPECT_EQ(loaded.path(loader.moments()[0].first), tree.path(directories[9]));
  EXPECT_EQ(loaded.directories(), tree.directories());
  EXPECT_EQ(loaded.others(), tree.others());
  EXPECT_EQ(loaded.mode(loader.roots()[0]), 0750);
  for (NodeId node = next_below(tree, root, root); node != kNoNode;
       node = next_below(tree, node, root)) {
    std::vector<std::string> names;
    for (NodeId at = node; at != root; at = tree.parent(at)) names.emplace_back(tree.name(at));
    NodeId twin = loader.roots()[0];
    for (; !names.empty(); names.pop_back()) twin = loaded.child(twin, names.back());
    ASSERT_NE(twin, kNoNode);
    EXPECT_EQ(loaded.type(twin), tree.type(node));
    EXPECT_EQ(loaded.identity(twin), tree.identity(node));
    EXPECT_EQ(loaded.has(twin, Mark::missed), tree.has(node, Mark::missed));
    EXPECT_EQ(loaded.has(twin, Mark::adopts), tree.identity(node).device == 2);
    if (tree.is_directory(node)) {
      EXPECT_EQ(loaded.mode(twin), tree.mode(node));
      EXPECT_EQ(loaded.has(twin, DirMark::linked), tree.has(node, DirMark::linked));
      continue;
    }
    EXPECT_EQ(loaded.has(twin, Mark::written), tree.has(node, Mark::written));
    EXPECT_EQ(loaded.has(twin, Mark::altered), tree.has(node, Mark::altered));
    ASSERT_EQ(loaded.stamp(twin) == nullptr, tree.stamp(node) == nullptr);
    if (tree.stamp(node) == nullptr) continue;
    EXPECT_TRUE(*loaded.stamp(twin) == *tree.stamp(node));
  }
}

TEST(Stamps, AreForgottenWithTheirNodeAndTakeNoMemoryWithoutAny) {
  Tree tree;
  const NodeId root = tree.add_root("/r", {1, 2});
  const std::size_t before = tree.memory();
  const NodeId node = tree.add(root, "a", EntryType::file, {1, 3});
  tree.set_stamp(node, stamp_of(file(), kSalt));
  EXPECT_GT(tree.memory(), before);
  tree.remove(node);
  EXPECT_EQ(tree.memory(), before);
  EXPECT_EQ(tree.stamp(tree.add(root, "b", EntryType::file, {1, 4})), nullptr);
}

// A saved file as it is seen now, with what the listing says: whether it was written.
struct Case {
  const char* name;
  FileStatus seen;
  Hints hints;
  bool written;
  bool other_mode = false;
};

template <class Change>
FileStatus with(Change change) {
  FileStatus look = file();
  change(look);
  return look;
}

TEST(Stamps, DecideWhetherASavedFileWasWritten) {
  constexpr Hints kListed = hint::kSuspect;
  constexpr Hints kRenamed = hint::kSuspect | hint::kUnpaired;
  const std::vector<Case> cases{
      {"as it was", file(), kListed, false},
      {"another size", with([](FileStatus& l) { l.size = 6; }), kListed, true},
      {"another mtime", with([](FileStatus& l) { l.mtime = kBefore - 5; }), kListed, true},
      {"another ctime alone", with([](FileStatus& l) { l.ctime = kAfter; }), kListed, true},
      {"another ctime that is old", with([](FileStatus& l) { l.ctime = kBefore - 5; }), kListed,
       true},
      {"another inode of that number", with([](FileStatus& l) { l.birth = kBefore - 5; }), kListed,
       true},
      {"a mode explains it", with([](FileStatus& l) { l.ctime = kAfter, l.mode = 0100600; }),
       kListed, false, true},
      {"a link explains it", with([](FileStatus& l) { l.ctime = kAfter, l.links = 2; }), kListed,
       false},
      {"a rename explains it", with([](FileStatus& l) { l.ctime = kAfter; }), kRenamed, false},
      {"renamed and written", with([](FileStatus& l) { l.ctime = kAfter, l.size = 6; }), kRenamed,
       true},
      {"renamed, with another mode",
       with([](FileStatus& l) { l.ctime = kAfter, l.mode = 0100600; }), kRenamed, false, true},
      {"its time was set, as an event says", with([](FileStatus& l) { l.mtime = kAfter; }),
       hint::kAttributes, false},
      {"an event says that it was written", file(), hint::kWritten, true},
  };
  const KnownFile known{0, kMoment, std::nullopt, kBefore,
                        SavedFile{stamp_of(file(), kSalt), kSalt}};
  for (const Case& row : cases) {
    EXPECT_EQ(was_written(known, row.seen, row.hints), row.written) << row.name;
    EXPECT_EQ(has_other_mode(known, row.seen), row.other_mode) << row.name;
  }
  // It may have been written twice within the tick of the clock in which it was reported.
  FileStatus recent = file();
  recent.ctime = kMoment - 1;
  const KnownFile in_the_tick{0, kMoment, std::nullopt, kBefore,
                              SavedFile{stamp_of(recent, kSalt), kSalt}};
  EXPECT_TRUE(was_written(in_the_tick, recent, kListed));
}

TEST(Stamps, ABirthTimeTellsAFileFromOneThatReusesItsNumber) {
  const KnownFile known{0, kAfter, std::nullopt, kBefore,
                        SavedFile{stamp_of(file(), kSalt), kSalt}};
  EXPECT_TRUE(is_same_file(known, file()));
  EXPECT_FALSE(is_same_file(known, with([](FileStatus& l) { l.birth = kBefore + 5; })));
  EXPECT_TRUE(is_same_file(known, with([](FileStatus& l) { l.birth.reset(); })));
  EXPECT_FALSE(is_same_file(known, with([](FileStatus& l) { l.birth.reset(), l.size = 6; })));
}

}  // namespace
}  // namespace lookout
