// Handlers that may be called when the object they speak of is gone.
#pragma once

#include <memory>

namespace lookout {

// A member of the object; a handler that is guarded by it does nothing once the object is gone.
class Lifetime {
 public:
  template <class Action>
  auto guard(Action action) const {
    return [alive = std::weak_ptr<const bool>(alive_), action](const auto&... results) {
      if (!alive.expired()) action(results...);
    };
  }

 private:
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace lookout
