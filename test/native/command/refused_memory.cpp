#include "command/refused_memory.h"

#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

#include <cstdlib>
#include <new>

namespace lookout {

RefusedMemory& refused_memory() {
  static auto* const shared = static_cast<RefusedMemory*>(::mmap(
      nullptr, sizeof(RefusedMemory), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  return *shared;
}

namespace {

const pid_t kTests = ::getpid();

bool is_refused() {
  if (!refused_memory().refusing || ::getpid() == kTests) return false;
  ++refused_memory().refused;
  return true;
}

}  // namespace
}  // namespace lookout

// As those of the library but for what is refused. A file of their own: inlined, they would be
// taken for a mismatch.
void* operator new(std::size_t size) {
  for (;;) {
    void* const made = lookout::is_refused() ? nullptr : std::malloc(size == 0 ? 1 : size);
    if (made != nullptr) return made;
    const std::new_handler handler = std::get_new_handler();
    if (handler == nullptr) throw std::bad_alloc();
    handler();
  }
}
void operator delete(void* made) noexcept {
  std::free(made);
}
void operator delete(void* made, std::size_t /*size*/) noexcept {
  std::free(made);
}
