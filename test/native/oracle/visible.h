// What of the disk is to be told with `ignore`, `only`, `follow_symlinks` and the like: found anew
// at every rest, from the top, with nothing kept. Only what a pattern matches is asked of
// c_src/ignore, which is compared with git in ignore/.
#pragma once

#include <string>
#include <vector>

#include "oracle/judgement.h"
#include "oracle/mirror.h"
#include "watch/model/watch_options.h"

namespace lookout::oracle {

struct Viewpoint {
  WatchOptions options{};
  bool unprivileged = false;  // without privileges, but of the group that all belongs to
  // A root in another, which shows its name whatever the rules are; empty: there is none.
  std::string inner{};
};

// Puts in the place of symbolic links that are followed the directories that they lead to. Returns
// what is wrong with how they were told, in sentences.
//
// Which of several links stands for a directory is left to the watcher, and taken from the mirror:
// any may, but only one, and none where that directory is told under a path without the link.
std::vector<std::string> follow_links(Disk& disk, const Beyond& beyond, const Mirror& mirror);

// Takes out of the snapshot of the root `path` what is not visible.
void keep_visible(SnapshotNode& found, const std::string& path, const Viewpoint& viewpoint);

}  // namespace lookout::oracle
