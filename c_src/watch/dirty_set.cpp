#include "watch/dirty_set.h"

#include <utility>

#include "watch/hash.h"

namespace lookout {

std::uint64_t DirtySet::KeyHash::operator()(std::uint32_t index) const {
  const DirtyName& entry = set->names_[index - 1];
  return hash_bytes(entry.directory, entry.name);
}

DirtySet::DirtySet() : index_(KeyHash{this}) {}

void DirtySet::add(NodeId directory, std::string_view name, Hints hints) {
  const std::uint32_t known = find(directory, name);
  if (known != 0) {
    Hints& before = names_[known - 1].hints;
    before = hint::merged(before, hints);
    return;
  }
  names_.push_back({directory, std::string(name), hints});
  index_.insert(static_cast<std::uint32_t>(names_.size()));
}

Hints DirtySet::hints(NodeId directory, std::string_view name) const {
  const std::uint32_t known = find(directory, name);
  return known == 0 ? 0 : names_[known - 1].hints;
}

std::uint32_t DirtySet::find(NodeId directory, std::string_view name) const {
  return index_.find(hash_bytes(directory, name), [&](std::uint32_t i) {
    return names_[i - 1].directory == directory && names_[i - 1].name == name;
  });
}

std::vector<DirtyName> DirtySet::take() {
  index_.clear();
  return std::exchange(names_, {});
}

}  // namespace lookout
