#include "bridge/ei_library.h"

#include <ei.h>

#include <stdexcept>

namespace lookout {
namespace {

bool init() {
  if (ei_init() != 0) throw std::runtime_error("ei_init failed");
  return true;
}

}  // namespace

void ensure_ei() {
  static const bool done = init();
  static_cast<void>(done);
}

}  // namespace lookout
