#include "watch/model/tree_saver.h"

#include <utility>

namespace lookout {
namespace {

constexpr int kSavedPerStep = 256;

}  // namespace

StampBytes to_bytes(const Stamp& stamp) {
  const std::array<std::uint16_t, kStampSize / 2> words{
      stamp.size,     stamp.birth,    stamp.mode_and_links, stamp.mtime[0],
      stamp.mtime[1], stamp.ctime[0], stamp.ctime[1]};
  StampBytes bytes{};
  for (std::size_t i = 0; i < words.size(); ++i) {
    bytes[2 * i] = static_cast<std::uint8_t>(words[i] & 0xff);
    bytes[2 * i + 1] = static_cast<std::uint8_t>(words[i] >> 8);
  }
  return bytes;
}

Stamp to_stamp(const StampBytes& bytes) {
  const auto word = [&](std::size_t i) {
    return static_cast<std::uint16_t>(bytes[2 * i] | bytes[2 * i + 1] << 8);
  };
  return {word(0), word(1), word(2), {word(3), word(4)}, {word(5), word(6)}};
}

TreeSaver::TreeSaver(const Tree& tree, SnapshotHeader header, std::vector<NodeId> roots,
                     Moment moment, Pending pending)
    : tree_(tree),
      header_(std::move(header)),
      roots_(std::move(roots)),
      moment_(std::move(moment)),
      pending_(std::move(pending)),
      encoder_(header_) {
  for (std::uint32_t i = 0; i < header_.devices.size(); ++i) {
    devices_.emplace(header_.devices[i].number, i);
  }
}

bool TreeSaver::step() {
  for (int i = 0; i < kSavedPerStep && root_ < roots_.size(); ++i) {
    const NodeId root = roots_[root_];
    const NodeId node = next_below(tree_, before_ == kNoNode ? root : before_, root);
    if (node == kNoNode) {
      before_ = kNoNode;
      if (++root_ == roots_.size()) encoder_.finish();
      continue;
    }
    if (before_ == kNoNode) before_ = root;
    add(node);
    before_ = node;
  }
  if (roots_.empty() && root_ == 0) {
    encoder_.finish();
    root_ = 1;
  }
  return root_ < roots_.size();
}

void TreeSaver::add(NodeId node) {
  SnapshotRecord record;
  const Identity identity = tree_.identity(node);
  record.type = static_cast<SnapshotType>(tree_.type(node));
  record.root = static_cast<std::uint32_t>(root_);
  record.levels_up = levels_up(node);
  record.device = devices_.at(identity.device);
  record.inode = identity.inode;
  record.missed = tree_.has(node, Mark::missed);
  if (tree_.is_directory(node)) {
    record.mode = tree_.mode(node);
    record.linked = tree_.has(node, DirMark::linked);
    record.moment = moment_(node);
  } else {
    record.written = tree_.has(node, Mark::written) || pending_(node);
    record.altered = tree_.has(node, Mark::altered);
    if (const Stamp* stamp = tree_.stamp(node)) record.stamp = to_bytes(*stamp);
  }
  record.name = tree_.name(node);
  encoder_.add(record);
}

std::uint32_t TreeSaver::levels_up(NodeId node) const {
  NodeId at = tree_.is_directory(before_) ? before_ : tree_.parent(before_);
  std::uint32_t levels = 0;
  for (; at != tree_.parent(node); at = tree_.parent(at)) ++levels;
  return levels;
}

}  // namespace lookout
