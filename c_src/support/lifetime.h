// Guards handlers that may be called after their object is destroyed. The classes with handlers in
// the event loop own one each.
#pragma once

#include <memory>

namespace lookout {

// Make it a member of the object. A handler wrapped by guard() does nothing once the object is
// gone.
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
