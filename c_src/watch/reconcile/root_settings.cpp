#include "watch/reconcile/root_settings.h"

#include <algorithm>
#include <utility>

namespace lookout {
namespace {

constexpr std::int64_t kNanosecondsPerMillisecond = 1'000'000;

}  // namespace

void RootSettings::add(NodeId root, RootOptions options) {
  any_follows_ = any_follows_ || options.follow_symlinks;
  any_waits_ = any_waits_ || options.await > 0;
  by_root_[root] = std::move(options);
}

bool RootSettings::follows(NodeId directory) const {
  if (!any_follows_) return false;
  const auto root = by_root_.find(tree_.root_of(directory));
  return root != by_root_.end() && root->second.follow_symlinks;
}

std::int64_t RootSettings::longest_wait(NodeId directory) const {
  if (!any_waits_) return 0;
  const auto root = by_root_.find(tree_.root_of(directory));
  return root == by_root_.end() ? 0 : root->second.await * kNanosecondsPerMillisecond;
}

bool RootSettings::is_flat(NodeId directory) const {
  const auto root = by_root_.find(directory);
  return root != by_root_.end() && !root->second.recursive;
}

bool RootSettings::any_flat() const {
  return std::any_of(by_root_.begin(), by_root_.end(),
                     [](const auto& root) { return !root.second.recursive; });
}

std::optional<std::int64_t> RootSettings::crawl_began(NodeId node) const {
  const auto root = by_root_.find(tree_.root_of(node));
  if (root == by_root_.end()) return std::nullopt;
  return root->second.crawl_began;
}

NodeId add_entry(Tree& tree, const RootSettings& roots, NodeId directory, std::string_view name,
                 EntryType type, Identity identity) {
  const NodeId made = tree.add(directory, name, type, identity);
  if (type == EntryType::directory && roots.is_flat(directory)) tree.set(made, DirMark::opaque);
  return made;
}

}  // namespace lookout
