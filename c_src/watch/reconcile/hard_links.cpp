#include "watch/reconcile/hard_links.h"

#include <algorithm>
#include <string>
#include <utility>

#include "watch/model/free_containers.h"
#include "watch/model/stamp.h"
#include "watch/reconcile/content_marks.h"

namespace lookout {
namespace {

constexpr std::size_t kPassedOnPerStep = 64;

}  // namespace

void HardLinks::begin_round() {
  content_reported_.clear();
  passed_on_.clear();
}

void HardLinks::pass_on(NodeId node, Hints hints) {
  const Identity identity = tree_.identity(node);
  const std::size_t names = tree_.links(identity);
  if (names < 2) return;
  PassedOn& passed = passed_on_.try_emplace(identity, PassedOn{0, node}).first->second;
  if (passed.but != node && passed.but != kNoNode) {
    const NodeId but = std::exchange(passed.but, kNoNode);
    if (tree_.alive(but) && tree_.identity(but) == identity) queue(but, hints);
  }
  if ((passed.hints & hint::kWritten) != 0 || (hints & ~passed.hints) == 0) return;
  passed.hints |= hints;
  passed.but = node;
  passing_on_.push_back({identity, hints, node, names});
}

void HardLinks::pass_on_to_all(Identity identity, Hints hints) {
  passed_on_[identity] = {hints, kNoNode};
  passing_on_.push_back({identity, hints, kNoNode, tree_.links(identity)});
}

void HardLinks::queue(NodeId node, Hints hints) {
  if (tree_.is_root(node)) return;
  mark_content(tree_, node, hints);
  queue_.add({tree_.parent(node), std::string(tree_.name(node)), hints | hint::kPassedOn});
}

bool HardLinks::step() {
  if (passing_on_.empty()) return false;
  PassingOn& task = passing_on_.front();
  task.left = std::min(task.left, tree_.links(task.identity));
  for (std::size_t i = 0; i < kPassedOnPerStep && task.left > 0; ++i) {
    const NodeId node = tree_.link_at(task.identity, --task.left);
    if (node != task.but) queue(node, task.hints);
  }
  if (task.left == 0) passing_on_.pop_front();
  return true;
}

std::optional<bool> HardLinks::reported(NodeId node) const {
  const auto reported = content_reported_.find(node);
  if (reported == content_reported_.end()) return std::nullopt;
  return reported->second;
}

bool HardLinks::are_compared(const FileStatus& seen) {
  if (tree_.links(seen.identity) <= kFewNames) return false;
  const auto [compared, added] = compared_.try_emplace(seen.identity, seen.signature());
  return !added && std::exchange(compared->second, seen.signature()) == seen.signature();
}

void HardLinks::set_signature(NodeId node, const FileStatus& seen) {
  tree_.set_signature(node, seen.signature());
  if (const auto salt = tree_.salt()) tree_.set_stamp(node, stamp_of(seen, *salt));
  const auto compared = compared_.find(seen.identity);
  if (compared != compared_.end() && compared->second != seen.signature()) {
    compared_.erase(compared);
  }
}

void HardLinks::forget(Identity identity) {
  if (!compared_.empty() && tree_.links(identity) <= kFewNames) compared_.erase(identity);
}

void HardLinks::rest() {
  if (content_reported_.bucket_count() > kManyElements) {
    std::unordered_map<NodeId, bool>().swap(content_reported_);
  }
}

}  // namespace lookout
