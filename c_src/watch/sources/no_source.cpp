// The hint source of a platform whose kernel reports no changes: every directory is polled.
#include <cerrno>

#include "watch/sources/hint_source.h"

namespace lookout {
namespace {

class NoSource : public HintSource {
 public:
  std::string_view name(int /*watch*/) const override { return "poll"; }
  int fd() const override { return -1; }
  int watch(int /*directory_fd*/, Backend /*backend*/) override { return nothing(); }
  int watch_on_any_thread(int /*directory_fd*/) override { return nothing(); }
  int watch_path(const char* /*path*/, NamesIn /*names*/) override { return nothing(); }
  void unwatch(int /*watch*/) override {}
  void read(const std::function<void(const Hint&)>& /*take*/) override {}

 private:
  static int nothing() {
    errno = ENOSYS;
    return kNoWatch;
  }
};

}  // namespace

std::shared_ptr<HintSource> make_hint_source() {
  return std::make_shared<NoSource>();
}

}  // namespace lookout
