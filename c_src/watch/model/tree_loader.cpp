#include "watch/model/tree_loader.h"

#include "watch/model/tree_saver.h"

namespace lookout {
namespace {

constexpr int kLoadedPerStep = 256;
constexpr int kRemovedPerStep = 1024;

}  // namespace

std::optional<Error> TreeLoader::begin(std::vector<Device> devices) {
  devices_ = std::move(devices);
  for (const SnapshotRoot& root : header_.roots) {
    const Device& device = devices_[root.device];
    if (!tree_.has_room(root.path, device.number)) {
      return decoder_.bad("the path of a watched directory is too long");
    }
    const NodeId node = tree_.add_root(root.path, {device.number, root.inode});
    tree_.set_mode(node, root.mode);
    tree_.set(node, Mark::adopts, device.adopts);
    if (root.moment) moments_.emplace_back(node, *root.moment);
    roots_.push_back(node);
  }
  if (!roots_.empty()) path_ = {roots_[0]};
  return std::nullopt;
}

Result<bool> TreeLoader::step() {
  for (int i = 0; i < kLoadedPerStep; ++i) {
    auto next = decoder_.next();
    if (Error* error = std::get_if<Error>(&next)) return std::move(*error);
    const auto& record = std::get<std::optional<SnapshotRecord>>(next);
    if (!record) return false;
    if (auto error = add(*record)) return std::move(*error);
  }
  return true;
}

std::optional<Error> TreeLoader::add(const SnapshotRecord& record) {
  if (record.root != root_) path_ = {roots_[record.root]};
  root_ = record.root;
  if (record.levels_up >= path_.size()) return decoder_.bad("an entry is above its directory");
  path_.resize(path_.size() - record.levels_up);
  const NodeId parent = path_.back();
  const Device& device = devices_[record.device];
  if (tree_.child(parent, record.name) != kNoNode) {
    return decoder_.bad("a directory has two entries of one name");
  }
  if (!tree_.has_room(record.name, device.number)) {
    return Error{"eoverflow", "load", "", "the tree has no more room for entries"};
  }
  const NodeId node = tree_.add(parent, record.name, static_cast<EntryType>(record.type),
                                {device.number, record.inode});
  tree_.set(node, Mark::adopts, device.adopts);
  tree_.set(node, Mark::missed, record.missed);
  if (record.type == SnapshotType::directory) {
    tree_.set_mode(node, record.mode);
    tree_.set(node, DirMark::linked, record.linked && follows_);
    if (record.moment) moments_.emplace_back(node, *record.moment);
    path_.push_back(node);
  } else {
    tree_.set(node, Mark::written, record.written);
    tree_.set(node, Mark::altered, record.altered);
    if (record.stamp) tree_.set_stamp(node, to_stamp(*record.stamp));
  }
  return std::nullopt;
}

bool TreeLoader::undo() {
  for (int i = 0; i < kRemovedPerStep && !roots_.empty(); ++i) {
    const NodeId node = roots_.back();
    const NodeId child = tree_.is_directory(node) ? tree_.first_child(node) : kNoNode;
    if (child != kNoNode) {
      roots_.push_back(child);  // goes before the node above it
    } else {
      roots_.pop_back();
      tree_.remove(node);
    }
  }
  return !roots_.empty();
}

}  // namespace lookout
