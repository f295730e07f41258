#include "watch/model/dirty_set.h"

#include <utility>

#include "watch/model/hash.h"

namespace lookout {

std::uint64_t DirtySet::KeyHash::operator()(std::uint32_t index) const {
  const DirtyName& entry = set->names_[index - 1];
  return hash_bytes(entry.directory, entry.name);
}

DirtySet::DirtySet() : index_(KeyHash{this}) {}

void DirtySet::add(NodeId directory, std::string_view name, Hints hints) {
  ++additions_;
  const auto known = index_.find_or_insert(
      hash_bytes(directory, name), [&](std::uint32_t i) { return is_at(i, directory, name); },
      static_cast<std::uint32_t>(size() + 1));
  if (known != 0) {
    Hints& before = names_[known - 1].hints;
    before = hint::merged(before, hints);
    return;
  }
  names_.push_back({directory, std::string(name), hints});
}

Hints DirtySet::hints(NodeId directory, std::string_view name) const {
  const auto known = index_.find(hash_bytes(directory, name),
                                 [&](std::uint32_t i) { return is_at(i, directory, name); });
  return known == 0 ? 0 : names_[known - 1].hints;
}

bool DirtySet::is_at(std::uint32_t index, NodeId directory, std::string_view name) const {
  const DirtyName& entry = names_[index - 1];
  return entry.directory == directory && entry.name == name;
}

std::vector<DirtyName> DirtySet::take() {
  index_.clear();
  return std::exchange(names_, {});
}

}  // namespace lookout
