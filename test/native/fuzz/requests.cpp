// P7: any payload is a request within its bounds, or is refused with an error that says something.
#include "bridge/requests.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "expect.h"

namespace {

using namespace lookout;

void check_path(const std::string& path) {
  fuzz::expect(path.starts_with('/') && path.size() <= kMaxPathSize, "a path is absolute");
  fuzz::expect(path.find('\0') == std::string::npos, "a path holds no NUL");
  fuzz::expect(path == "/" || !path.ends_with('/'), "a path does not end with a slash");
  fuzz::expect(path.find("//") == std::string::npos, "a path has no empty part");
}

struct Checker {
  void operator()(const WatchRequest& request) const {
    check_id(request.id);
    fuzz::expect(request.paths.size() <= kMaxPaths, "paths are counted");
    std::for_each(request.paths.begin(), request.paths.end(), check_path);
    fuzz::expect(request.settings.settle.value_or(0) <= kMaxSettle, "a settle time has its bound");
  }
  void operator()(const UnwatchRequest& request) const {
    check_id(request.id);
    check_path(request.path);
  }
  void operator()(const ListRequest& request) const {
    check_id(request.id);
    if (request.under) check_path(*request.under);
  }
  void operator()(const CreditRequest&) const {}
  void operator()(const SpawnRequest& request) const {
    check_id(request.id);
    const LaunchSpec& spec = request.spec;
    fuzz::expect(!spec.argv.empty() && spec.argv.size() <= kMaxArguments, "words are counted");
    for (const auto& word : spec.argv) {
      fuzz::expect(word.find('\0') == std::string::npos, "a word holds no NUL");
    }
    check_path(spec.directory);
    fuzz::expect(!spec.linger || spec.linger->count() >= 0, "time does not go backwards");
    fuzz::expect(spec.output.kind != OutputTarget::Kind::merge, "output is not merged into itself");
  }
  void operator()(const InputRequest&) const {}
  void operator()(const ReadRequest&) const {}
  void operator()(const SignalRequest& request) const {
    check_id(request.id);
    fuzz::expect(request.number >= 1 && request.number <= 64, "a signal has its bounds");
  }
  template <class Plain>
  void operator()(const Plain& request) const {
    check_id(request.id);
  }
  static void check_id(RequestId id) { fuzz::expect(id >> 63 == 0, "an id has 63 bits"); }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto decoded = decode_request({reinterpret_cast<const char*>(data), size});
  if (const auto* refused = std::get_if<RefusedRequest>(&decoded)) {
    const std::string& reason = refused->error.reason;
    fuzz::expect(reason == "bad_term" || reason == "bad_request", "a refusal has a known reason");
    fuzz::expect(!refused->error.detail.empty(), "a refusal says why");
    if (refused->id) Checker::check_id(*refused->id);
  } else {
    std::visit(Checker{}, std::get<Request>(decoded));
  }
  return 0;
}
