#include "watch/list_reader.h"

#include <algorithm>
#include <variant>

namespace lookout {
namespace {

constexpr std::size_t kChunk = 512;
constexpr std::size_t kChunkWithStat = 256;
constexpr std::size_t kChunkBytes = 256 * 1024;  // of paths

}  // namespace

std::optional<Error> ListReader::start(const std::optional<std::string>& under) {
  NodeId below = kNoNode;
  if (under) {
    below = roots_->resolve(*under);
    if (below == kNoNode) {
      return Error{"not_found", "list", *under, "no such directory in the tree"};
    }
    if (!tree_->is_directory(below)) {
      return Error{"enotdir", "list", *under, "only what is below a directory can be listed"};
    }
  }
  for (const Roots::Pointer& root : roots_->all()) {
    const bool leaving = root->phase == Root::Phase::leaving && root->reported;
    const bool reporting = root->phase == Root::Phase::reporting;
    if (!reporting && !leaving && root->phase != Root::Phase::reported) continue;
    if (below != kNoNode && tree_->root_of(below) != root->node) continue;
    const bool whole = below == kNoNode || root->cursor == kNoNode;
    parts_.push_back(
        {below != kNoNode && whole ? below : root->node, root->cursor, whole ? kNoNode : below});
  }
  std::reverse(parts_.begin(), parts_.end());
  enter_part();
  return std::nullopt;
}

std::vector<Entry> ListReader::next() {
  std::vector<Entry> entries;
  const std::size_t most = with_stat_ ? kChunkWithStat : kChunk;
  std::size_t bytes = 0;
  for (std::size_t steps = 0; more() && steps < most && bytes < kChunkBytes; ++steps) {
    const NodeId below = parts_.back().below;
    if (below == kNoNode || (at_ != below && tree_->is_below(at_, below))) {
      entries.push_back(entry(at_));
      bytes += entries.back().path.size();
    }
    advance();
  }
  return entries;
}

void ListReader::enter_part() {
  at_ = kNoNode;
  while (!parts_.empty() && at_ == kNoNode) {
    const Part& part = parts_.back();
    at_ = next_below(*tree_, part.top, part.top);
    if (at_ == kNoNode || at_ == part.cursor) {
      at_ = kNoNode;
      parts_.pop_back();
    }
  }
}

void ListReader::advance() {
  const Part& part = parts_.back();
  at_ = next_below(*tree_, at_, part.top);
  if (at_ != kNoNode && at_ != part.cursor) return;
  parts_.pop_back();
  enter_part();
}

Entry ListReader::entry(NodeId node) {
  Entry entry{tree_->type(node), tree_->path(node), tree_->identity(node).inode, std::nullopt};
  if (!with_stat_) return entry;
  const auto opened = reconciler_->open(tree_->parent(node));
  if (!std::holds_alternative<DirectoryFd>(opened)) return entry;
  const auto checked = reconciler_->read_entry(tree_->parent(node), std::get<DirectoryFd>(opened),
                                               std::string(tree_->name(node)));
  if (const FileStatus* seen = std::get_if<FileStatus>(&checked)) {
    entry.stat = EntryStat{seen->size, seen->mtime, seen->mode};
  }
  return entry;
}

}  // namespace lookout
