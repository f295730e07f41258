// The nodes of one inode, in no order. Adding, removing and access by position take constant time,
// however many nodes there are. Makes no system call. Tree owns them and calls them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

namespace lookout {

template <class Id>
class LinkGroup {
 public:
  bool empty() const { return ids_.empty(); }
  std::size_t size() const { return ids_.size(); }
  Id operator[](std::size_t position) const { return ids_[position]; }

  // Adds `id`, which must not be in the group.
  void add(Id id) {
    ids_.push_back(id);
    if (positions_) {
      positions_->emplace(id, static_cast<std::uint32_t>(ids_.size() - 1));
    } else if (ids_.size() > kFew) {
      positions_ = std::make_unique<Positions>();
      for (std::uint32_t i = 0; i < ids_.size(); ++i) positions_->emplace(ids_[i], i);
    }
  }

  // Removes `id`, which must be in the group. The last one takes its position.
  void remove(Id id) {
    const std::size_t position = find(id);
    const Id last = ids_.back();
    ids_[position] = last;
    ids_.pop_back();
    if (!positions_) return;
    (*positions_)[last] = static_cast<std::uint32_t>(position);
    positions_->erase(id);
    if (ids_.size() <= kFew / 2) positions_.reset();
  }

 private:
  using Positions = std::unordered_map<Id, std::uint32_t>;
  static constexpr std::size_t kFew = 16;  // up to this size a linear search is faster

  std::size_t find(Id id) const {
    if (positions_) return positions_->at(id);
    return static_cast<std::size_t>(std::find(ids_.begin(), ids_.end(), id) - ids_.begin());
  }

  std::vector<Id> ids_;
  std::unique_ptr<Positions> positions_;  // only for a group that grew beyond kFew
};

}  // namespace lookout
