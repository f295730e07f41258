// A set from which a limited number of values is taken at a time, in turn: a value that is added
// again after it was taken comes after all others. Makes no system call. Retries owns three of them
// and calls them.
#pragma once

#include <cstddef>
#include <set>
#include <utility>
#include <vector>

namespace lookout {

template <class Value>
class InTurn {
 public:
  void add(Value value) { values_.insert(std::move(value)); }
  bool contains(const Value& value) const { return values_.contains(value); }
  bool empty() const { return values_.empty(); }
  void remove(const Value& value) { values_.erase(value); }
  // Removes the values from `first` up to the one before `end`.
  void remove(const Value& first, const Value& end) {
    values_.erase(values_.lower_bound(first), values_.lower_bound(end));
  }

  // Removes and returns the next `most` values, or all.
  std::vector<Value> take(std::size_t most) {
    std::vector<Value> taken;
    auto next = values_.lower_bound(next_);
    while (taken.size() < most && !values_.empty()) {
      if (next == values_.end()) next = values_.begin();
      taken.push_back(std::move(values_.extract(next++).value()));
    }
    next_ = next == values_.end() ? Value{} : *next;
    return taken;
  }

 private:
  std::set<Value> values_;
  Value next_{};  // the one after the last that was taken
};

}  // namespace lookout
