// Maps the device numbers of the entries of a tree to indexes of 16 bits, with a reference count
// for each device. When no entry refers to a device any more, its index is reused. Tree owns and
// calls the table. Makes no system call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace lookout {

class DeviceTable {
 public:
  // `capacity` is the maximum number of devices in use at the same time: 65,536 or less.
  explicit DeviceTable(std::size_t capacity) : capacity_(capacity) {}

  bool has_room_for(std::uint64_t number) const {
    return indexes_.size() < capacity_ || indexes_.contains(number);
  }
  // Adds a reference to a device and returns its index. has_room_for() must be true.
  std::uint16_t add_reference(std::uint64_t number) {
    const auto [known, added] = indexes_.try_emplace(number);
    if (!added) {
      ++devices_[known->second].references;
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
  // Removes a reference. The last one frees the index.
  void remove_reference(std::uint16_t index) {
    if (--devices_[index].references > 0) return;
    indexes_.erase(devices_[index].number);
    free_.push_back(index);
  }
  std::uint64_t number(std::uint16_t index) const { return devices_[index].number; }
  // Returns the numbers of the devices in use, unsorted.
  std::vector<std::uint64_t> numbers() const {
    std::vector<std::uint64_t> numbers;
    for (const auto& [number, index] : indexes_) numbers.push_back(number);
    return numbers;
  }

 private:
  struct Device {
    std::uint64_t number = 0;
    std::uint64_t references = 0;
  };

  std::size_t capacity_;
  std::vector<Device> devices_;
  std::vector<std::uint16_t> free_;
  std::unordered_map<std::uint64_t, std::uint16_t> indexes_;
};

}  // namespace lookout
