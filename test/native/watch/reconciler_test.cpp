// Looks that run ahead of the kernel's hints: what has not been hinted yet is seen on disk already,
// and when the hints of it come it is no news.
#include "watch/reconciler.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "watch/engine_test.h"

namespace lookout {
namespace {

// Gives each directory a watch, and no hint.
class SilentSource : public HintSource {
 public:
  // A file of this name appears in each directory just before that is watched.
  void let_appear(std::string name) { appears_ = std::move(name); }

  std::string_view name(int) const override { return "silent"; }
  int fd() const override { return -1; }
  int watch(int directory_fd, Backend) override { return watch_elsewhere(directory_fd); }
  int watch_elsewhere(int directory_fd) override {
    struct stat status {};
    if (::fstat(directory_fd, &status) != 0) return -1;
    if (!appears_.empty()) {
      UniqueFd(::openat(directory_fd, appears_.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    }
    return static_cast<int>(status.st_ino & 0x7fffffff);
  }
  int watch_place(const char*, bool) override { return 0; }
  void unwatch(int) override {}
  void read(const std::function<void(const Hint&)>&) override {}

 private:
  std::string appears_;
};

class ReconcilerTest : public testing::Test, public ChangeSink {
 protected:
  void SetUp() override {
    home_.directory("in");
    home_.directory("side");
    for (const char* name : {"in/file", "in/other"}) home_.write(name, "x");
    root_ = reconciler_.plant(home_.at("in"), identity("in"), {});
    while (reconciler_.crawl()) {
    }
    let_a_tick_pass();  // what is old is known to be the same wherever it is met
    reconciler_.confirm(inode_clock());
  }

  void change(Event event) override {
    const std::string name = event.path.substr(home_.path().size() + 1);
    switch (event.change) {
      case Change::created:
        told_.push_back("created " + name);
        break;
      case Change::deleted:
        told_.push_back("deleted " + name);
        break;
      case Change::modified:
        told_.push_back("modified " + name);
        break;
      case Change::attributes:
        told_.push_back("attributes " + name);
        break;
      case Change::renamed:
        told_.push_back("renamed " + event.from.substr(home_.path().size() + 1) + " -> " + name);
        break;
    }
  }
  void notice(Notice) override {}
  void uprooted(NodeId) override {}

  Identity identity(std::string_view name) const {
    struct stat status {};
    EXPECT_EQ(::stat(home_.at(name).c_str(), &status), 0);
    return {status.st_dev, status.st_ino};
  }

  // What the kernel says of `name` in the root.
  void hint(Hints hints, std::string_view name, std::uint32_t cookie = 0) {
    Hint hint;
    hint.watch = tree_.watch(root_);
    hint.hints = hints;
    hint.name = name;
    hint.cookie = cookie;
    reconciler_.take(hint);
  }

  // Where nothing is watched.
  void move_out_and_write() const {
    home_.move("in/file", "side/file");
    home_.append("side/file", "yz");
  }
  void link_back() const {
    home_.link("side/file", "in/file");
    home_.remove("side/file");
  }

  // What one round tells of the hints so far.
  std::vector<std::string> round() {
    reconciler_.begin_round(inode_clock());
    while (reconciler_.work()) {
    }
    return std::exchange(told_, {});
  }

  TempDirectory home_;
  std::shared_ptr<SilentSource> source_ = std::make_shared<SilentSource>();
  Tree tree_;
  Visibility visibility_{tree_};
  RemoteMounts mounts_;
  PlaceWatches places_{*source_, mounts_};
  Reconciler reconciler_{tree_, visibility_, *source_, places_, mounts_, *this};
  NodeId root_ = kNoNode;
  std::vector<std::string> told_;
};

using Told = std::vector<std::string>;

TEST_F(ReconcilerTest, WhatAppearsBeforeADirectoryIsWatchedIsInItsListing) {
  constexpr int kDirectories = 100;
  for (int i = 0; i < kDirectories; ++i) home_.directory("side/d" + std::to_string(i) + "/below");
  source_->let_appear("late");
  const NodeId side = reconciler_.plant(home_.at("side"), identity("side"), {});
  while (reconciler_.crawl()) {
  }
  EXPECT_EQ(tree_.others(), 2U + 2 * kDirectories + 1);
  for (NodeId node = side; node != kNoNode; node = next_below(tree_, node, side)) {
    if (!tree_.is_directory(node)) continue;
    EXPECT_NE(tree_.child(node, "late"), kNoNode) << tree_.path(node);
  }
}

TEST_F(ReconcilerTest, AFileWrittenWhileItWasAwayIsToldThoughItWasSeenBackBeforeThat) {
  home_.set_mode("in/file", 0600);
  move_out_and_write();
  home_.move("side/file", "in/file");
  hint(hint::kAttributes, "file");
  EXPECT_EQ(round(), (Told{"attributes in/file"}));
  hint(hint::kMovedFrom, "file", 1);
  hint(hint::kMovedTo, "file", 2);
  EXPECT_EQ(round(), (Told{"modified in/file"}));
}

TEST_F(ReconcilerTest, AFileWrittenOnAWayNotHintedYetIsToldThoughItWasFoundWhereAnotherWasMoved) {
  home_.move("in/other", "in/place");
  move_out_and_write();
  home_.move("in/place", "side/other");
  home_.move("side/file", "in/place");
  hint(hint::kMovedFrom, "other", 1);
  hint(hint::kMovedTo, "place", 1);
  EXPECT_EQ(round(), (Told{"renamed in/file -> in/place", "modified in/place"}));
  hint(hint::kMovedFrom, "file", 2);
  hint(hint::kMovedFrom, "place", 3);
  hint(hint::kMovedTo, "place", 4);
  EXPECT_EQ(round(), (Told{"modified in/place", "deleted in/other"}));
}

TEST_F(ReconcilerTest, AFileWrittenWhileItWasAwayIsToldThoughALinkBroughtItBack) {
  move_out_and_write();
  link_back();
  hint(hint::kMovedFrom, "file", 1);
  EXPECT_EQ(round(), Told{});
  hint(hint::kCreated, "file");
  EXPECT_EQ(round(), (Told{"modified in/file"}));

  move_out_and_write();
  link_back();
  hint(hint::kMovedFrom, "file", 2);
  hint(hint::kCreated, "file");
  EXPECT_EQ(round(), (Told{"modified in/file"}));
}

TEST_F(ReconcilerTest, AFileLinkedWhereAnotherWasMovedIsComparedThoughItWasWrittenUnseen) {
  move_out_and_write();
  home_.move("in/other", "in/place");
  home_.move("in/place", "in/beside");
  home_.link("side/file", "in/place");
  hint(hint::kMovedFrom, "file", 1);
  hint(hint::kMovedFrom, "other", 2);
  hint(hint::kMovedTo, "place", 2);
  hint(hint::kMovedFrom, "place", 3);
  hint(hint::kMovedTo, "beside", 3);
  hint(hint::kCreated, "place");
  EXPECT_EQ(round(), (Told{"renamed in/file -> in/place", "modified in/place",
                           "renamed in/other -> in/beside"}));
}

}  // namespace
}  // namespace lookout
