// The judge itself is judged: what was left untold must be seen (P1).
#include "oracle/judgement.h"

#include <gtest/gtest.h>

#include "oracle/visible.h"

namespace lookout::oracle {
namespace {

std::unique_ptr<SnapshotNode> entry(FileType type, std::uint64_t inode) {
  auto node = std::make_unique<SnapshotNode>();
  node->type = type;
  node->inode = inode;
  node->mode = type == FileType::directory ? 0755 : 0644;
  return node;
}

// "/w" with the directory "d", the file "d/f" in it, and the file "g".
Disk disk() {
  auto root = entry(FileType::directory, 1);
  root->children["d"] = entry(FileType::directory, 2);
  root->children["d"]->children["f"] = entry(FileType::file, 3);
  root->children["g"] = entry(FileType::file, 4);
  Disk all;
  all["/w"] = std::move(root);
  return all;
}

SnapshotNode& d(Disk& disk) {
  return *disk["/w"]->children["d"];
}
SnapshotNode& f(Disk& disk) {
  return *d(disk).children["f"];
}

class P1Complete : public testing::Test {
 protected:
  P1Complete() : mirror({"/w"}), before(disk()), now(disk()) {
    mirror.insert({EntryType::directory, "/w/d", 2, {}});
    mirror.insert({EntryType::file, "/w/d/f", 3, {}});
    mirror.insert({EntryType::file, "/w/g", 4, {}});
    EXPECT_TRUE(judge(mirror, before, Recall::none).violations.empty());
  }
  void tell(Change change, EntryType type, const std::string& path, const std::string& from = "") {
    ASSERT_EQ(mirror.apply({change, type, path, from}), std::nullopt);
  }
  std::size_t violations() { return judge(mirror, now, Recall::strict).violations.size(); }

  Mirror mirror;
  Disk before;
  Disk now;
};

TEST_F(P1Complete, NothingDiffersAndNothingWasTold) {
  EXPECT_EQ(violations(), 0u);
}

TEST_F(P1Complete, AnUntoldEntryIsSeen) {
  d(now).children["new"] = entry(FileType::file, 9);
  EXPECT_EQ(violations(), 1u);
}

TEST_F(P1Complete, AnUntoldDeletionIsSeen) {
  d(now).children.clear();
  EXPECT_EQ(violations(), 1u);
}

TEST_F(P1Complete, AnUntoldTypeIsSeen) {
  f(now).type = FileType::symlink;
  EXPECT_EQ(violations(), 1u);
}

TEST_F(P1Complete, AnUntoldSizeIsSeenAndAttributesDoNotTellIt) {
  f(now).size = 5;
  tell(Change::attributes, EntryType::file, "/w/d/f");
  EXPECT_EQ(violations(), 1u);
}

TEST_F(P1Complete, AToldSizeIsRight) {
  f(now).size = 5;
  f(now).ctime_ns = 1;
  tell(Change::modified, EntryType::file, "/w/d/f");
  EXPECT_EQ(violations(), 0u);
}

TEST_F(P1Complete, AnUntoldReplacementIsSeen) {
  f(now).inode = 77;
  EXPECT_EQ(violations(), 1u);
}

TEST_F(P1Complete, AnUntoldReplacementOfADirectoryIsSeen) {
  d(now).inode = 77;
  EXPECT_EQ(violations(), 1u);
}

TEST_F(P1Complete, UntoldTimesAndModesAreSeen) {
  f(now).mtime_ns = 5;
  d(now).mode = 0700;
  EXPECT_EQ(violations(), 2u);
}

TEST_F(P1Complete, OfADirectoryTheMtimeDoesNotCount) {
  d(now).mtime_ns = 5;
  EXPECT_EQ(violations(), 0u);
}

TEST_F(P1Complete, WhatWasToldGoesWithARename) {
  tell(Change::modified, EntryType::file, "/w/d/f");
  tell(Change::renamed, EntryType::directory, "/w/e", "/w/d");
  f(now).size = 5;
  auto moved = now["/w"]->children.extract("d");
  moved.key() = "e";
  now["/w"]->children.insert(std::move(moved));
  EXPECT_EQ(violations(), 0u);
}

TEST_F(P1Complete, ARenameAloneDoesNotTellAChangeOfContent) {
  tell(Change::renamed, EntryType::directory, "/w/e", "/w/d");
  f(now).size = 5;
  auto moved = now["/w"]->children.extract("d");
  moved.key() = "e";
  now["/w"]->children.insert(std::move(moved));
  EXPECT_EQ(violations(), 1u);
}

TEST_F(P1Complete, WhatWasToldBeforeTheLastRestDoesNotCount) {
  tell(Change::modified, EntryType::file, "/w/d/f");
  EXPECT_EQ(violations(), 0u);
  Disk later = disk();
  f(later).size = 5;
  EXPECT_EQ(judge(mirror, later, Recall::strict).violations.size(), 1u);
}

TEST_F(P1Complete, AReportOfAnUntouchedFileIsCounted) {
  tell(Change::modified, EntryType::file, "/w/d/f");
  EXPECT_EQ(judge(mirror, now, Recall::strict).false_reports, 1u);
}

// "/w" with the directory "d", and the links "k" and "l" to it.
class FollowedLinks : public testing::Test {
 protected:
  FollowedLinks() : mirror({"/w"}) {
    auto root = entry(FileType::directory, 1);
    root->children["d"] = entry(FileType::directory, 2);
    for (const char* link : {"k", "l"}) {
      root->children[link] = entry(FileType::symlink, 5);
      root->children[link]->leads_to = kView;
    }
    beyond[kView] = entry(FileType::directory, 2);
    beyond[kView]->children["f"] = entry(FileType::file, 3);
    now["/w"] = std::move(root);
  }
  void tell(EntryType type, const std::string& path) {
    ASSERT_EQ(mirror.apply({Change::created, type, path, ""}), std::nullopt);
  }
  std::size_t violations() {
    const std::size_t links = follow_links(now, beyond, mirror).size();
    return links + judge(mirror, now, Recall::strict).violations.size();
  }

  static constexpr View kView{{0, 2}, 1};
  Mirror mirror;
  Disk now;
  Beyond beyond;
};

TEST_F(FollowedLinks, AreLinksWhereTheirDirectoryIsTold) {
  tell(EntryType::directory, "/w/d");
  tell(EntryType::symlink, "/w/k");
  tell(EntryType::symlink, "/w/l");
  EXPECT_EQ(violations(), 0u);
}

TEST_F(FollowedLinks, AnyOfThemMayBeTheDirectoryWhereItIsNotTold) {
  now["/w"]->children.erase("d");
  tell(EntryType::symlink, "/w/k");
  tell(EntryType::directory, "/w/l");
  tell(EntryType::file, "/w/l/f");
  EXPECT_EQ(violations(), 0u);
}

TEST_F(FollowedLinks, ADirectoryThatIsToldUnderNoneIsSeen) {
  now["/w"]->children.erase("d");
  tell(EntryType::symlink, "/w/k");
  tell(EntryType::symlink, "/w/l");
  EXPECT_EQ(violations(), 2u);
}

TEST_F(FollowedLinks, ADirectoryThatIsToldTwiceIsSeen) {
  tell(EntryType::directory, "/w/d");
  tell(EntryType::symlink, "/w/k");
  tell(EntryType::directory, "/w/l");
  tell(EntryType::file, "/w/l/f");
  EXPECT_EQ(violations(), 1u);
}

TEST_F(FollowedLinks, EachLeadsToWhatItsMountShows) {
  now["/w"]->children.erase("d");
  const View other{kView.id, kView.mount + 1};
  now["/w"]->children["l"]->leads_to = other;
  beyond[other] = entry(FileType::directory, 2);
  beyond[other]->children["g"] = entry(FileType::file, 4);
  tell(EntryType::symlink, "/w/k");
  tell(EntryType::directory, "/w/l");
  tell(EntryType::file, "/w/l/g");
  EXPECT_EQ(violations(), 0u);
}

TEST_F(FollowedLinks, WhatIsMissingBelowOneIsSeen) {
  now["/w"]->children.erase("d");
  tell(EntryType::symlink, "/w/k");
  tell(EntryType::directory, "/w/l");
  EXPECT_EQ(violations(), 1u);
}

// "/w" with the directory "inner", which is a root too, and in each of them the file "a".
class InnerRoot : public testing::Test {
 protected:
  InnerRoot() {
    w.children["a"] = entry(FileType::file, 2);
    w.children["inner"] = entry(FileType::directory, 3);
    w.children["inner"]->children["a"] = entry(FileType::file, 4);
  }
  bool is_told(const std::string& name) const {
    return w.children.at("inner")->children.contains(name);
  }

  SnapshotNode w;
};

TEST_F(InnerRoot, IsToldByTheRulesOfTheOuterOne) {
  keep_visible(w, "/w", {.options = {.only = {"/a"}}, .inner = "/w/inner"});
  EXPECT_TRUE(w.children.contains("a"));
  EXPECT_FALSE(is_told("a"));
}

TEST_F(InnerRoot, HasRulesOfItsOwnInOneThatIsNotRecursive) {
  keep_visible(w, "/w", {.options = {.recursive = false, .only = {"/a"}}, .inner = "/w/inner"});
  EXPECT_TRUE(w.children.contains("a"));
  EXPECT_TRUE(is_told("a"));
}

TEST_F(InnerRoot, IsNotRecursiveEither) {
  w.children["inner"]->children["d"] = entry(FileType::directory, 5);
  w.children["inner"]->children["d"]->children["a"] = entry(FileType::file, 6);
  keep_visible(w, "/w", {.options = {.recursive = false}, .inner = "/w/inner"});
  EXPECT_TRUE(w.children.at("inner")->children.at("d")->children.empty());
}

}  // namespace
}  // namespace lookout::oracle
