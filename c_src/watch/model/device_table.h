// The devices of the entries of a tree, each with an index of 16 bits. An index is free again when
// no entry uses its device any more. Makes no system call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace lookout {

class DeviceTable {
 public:
  // `most` devices may be in use at once, at most 65,536.
  explicit DeviceTable(std::size_t most) : most_(most) {}

  bool has_room_for(std::uint64_t number) const {
    return indexes_.size() < most_ || indexes_.contains(number);
  }
  // The index of a device, for one more entry. There must be room.
  std::uint16_t use(std::uint64_t number) {
    const auto [known, added] = indexes_.try_emplace(number);
    if (!added) {
      ++devices_[known->second].users;
      return known->second;
    }
    if (free_.empty()) {
      free_.push_back(static_cast<std::uint16_t>(devices_.size()));
      devices_.emplace_back();
    }
    known->second = free_.back();
    free_.pop_back();
    devices_[known->second] = {number, 1};
    return known->second;
  }
  // One entry less uses it.
  void leave(std::uint16_t index) {
    if (--devices_[index].users > 0) return;
    indexes_.erase(devices_[index].number);
    free_.push_back(index);
  }
  std::uint64_t number(std::uint16_t index) const { return devices_[index].number; }
  // The devices in use.
  std::vector<std::uint64_t> numbers() const {
    std::vector<std::uint64_t> numbers;
    for (const auto& [number, index] : indexes_) numbers.push_back(number);
    return numbers;
  }

 private:
  struct Device {
    std::uint64_t number = 0;
    std::uint64_t users = 0;
  };

  std::size_t most_;
  std::vector<Device> devices_;
  std::vector<std::uint16_t> free_;
  std::unordered_map<std::uint64_t, std::uint16_t> indexes_;
};

}  // namespace lookout
