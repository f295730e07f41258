#include "oracle/subject.h"

#include <optional>

#include "bridge/engine_watching.h"

namespace lookout::oracle {
namespace {

class EngineSubject : public Subject {
 public:
  explicit EngineSubject(const SubjectContext& context)
      : io_(context.io), listener_(context.listener) {}

  Watching& begin() override {
    engine_.reset();
    return engine_.emplace(io_, listener_);
  }
  void end() override { engine_.reset(); }
  bool is_local() const override { return true; }

 private:
  boost::asio::io_context& io_;
  Listener& listener_;
  std::optional<EngineWatching> engine_;
};

}  // namespace

std::unique_ptr<Subject> make_engine_subject(const SubjectContext& context) {
  return std::make_unique<EngineSubject>(context);
}

}  // namespace lookout::oracle
