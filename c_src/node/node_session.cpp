#include "node/node_session.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace lookout {
namespace {

// Owners that have left while requests of theirs waited for the engine.
constexpr std::ptrdiff_t kMaxFormer = 8;

const char* refusal(bool commands) {
  return commands ? "a named session runs no commands; open one without a name for them"
                  : "this node was started without --commands, so it runs none";
}

}  // namespace

class NodeSession::Owner : public Sink {
 public:
  Owner(OwnerChannel& channel, Watching& watching, Commanding& commanding)
      : channel_(&channel), outbox_(*this), session_(watching, commanding, outbox_) {}

  void send(std::string_view payload) override {
    if (channel_ != nullptr) channel_->send(payload);
  }
  bool has_room() const override { return channel_ != nullptr && channel_->has_room(); }

  void leave() {
    channel_ = nullptr;
    session_.leave();
  }
  bool is_idle() const { return session_.is_idle(); }
  Outbox& outbox() { return outbox_; }
  Session& session() { return session_; }

 private:
  OwnerChannel* channel_;
  Outbox outbox_;
  Session session_;
};

NodeSession::NodeSession(boost::asio::io_context& io, std::string name, std::uint64_t epoch,
                         bool commands)
    : io_(io),
      name_(std::move(name)),
      epoch_(epoch),
      commands_(commands),
      watching_(io, *this),
      restricted_(watching_, commands),
      commanding_(refusal(commands)) {}

NodeSession::~NodeSession() = default;

void NodeSession::attach(OwnerChannel& channel, std::optional<std::uint64_t> resumed,
                         EndHandler ended) {
  std::erase_if(former_, [](const auto& owner) { return owner->is_idle(); });
  channel_ = &channel;
  ended_ = std::move(ended);
  owner_ = std::make_unique<Owner>(channel, restricted_, commanding_);
  owner_->outbox().send(Hello{LOOKOUT_VERSION});
  if (name_.empty()) return;
  owner_->outbox().send(SessionBegin{epoch_, resumed});
  if (!resumed) return;
  kept_.after(*resumed, [&](std::string_view payload) { channel.send(payload); });
  watching_.resume();
}

std::optional<std::uint64_t> NodeSession::resumable(std::uint64_t number) const {
  if (number < epoch_ || !kept_.has_all_after(number - epoch_)) return std::nullopt;
  const auto waiting = std::count_if(former_.begin(), former_.end(),
                                     [](const auto& owner) { return !owner->is_idle(); });
  if (waiting >= kMaxFormer) return std::nullopt;
  return number - epoch_;
}

void NodeSession::detach() {
  if (channel_ == nullptr) return;
  channel_ = nullptr;
  ended_ = nullptr;
  program_.reset();
  watching_.revoke();
  owner_->leave();
  former_.push_back(std::move(owner_));
}

void NodeSession::on_payload(std::string_view payload) {
  if (channel_ == nullptr) return;
  // A ping asks whether the program of the command answers, if there is one.
  const bool for_program = is_command_request(payload) || (program_ && is_ping_request(payload));
  if (!commands_ || !name_.empty() || !for_program) return owner_->session().on_payload(payload);
  if (program_ == nullptr && !start_program()) return;
  program_->send(payload);
}

bool NodeSession::start_program() {
  auto started = ChildProgram::start(io_, *channel_, [this](const Error& error) {
    if (channel_ == nullptr) return;
    owner_->outbox().send(Fatal{error});
    const EndHandler ended = ended_;  // the call resets it
    if (ended) ended("command_lost");
  });
  if (auto* error = std::get_if<Error>(&started)) {
    owner_->outbox().send(Fatal{*error});
    const EndHandler ended = ended_;  // the call resets it
    if (ended) ended(error->reason);
    return false;
  }
  program_ = std::get<std::unique_ptr<ChildProgram>>(std::move(started));
  return true;
}

void NodeSession::on_large(std::size_t size) {
  if (channel_ == nullptr) return;
  owner_->outbox().send(
      Reply{std::nullopt, Error{"frame_too_large", "read", "",
                                "a request of " + std::to_string(size) + " bytes came; at most " +
                                    std::to_string(kMaxFrame) + " are taken"}});
}

void NodeSession::on_room() {
  if (owner_) owner_->session().on_room();
  if (program_) program_->on_room();
}

void NodeSession::on_events(std::uint64_t seq, const std::vector<Event>& events) {
  encode(writer_, EventBatch{seq, events});
  if (!name_.empty()) kept_.add_batch(seq, writer_.bytes());
  if (channel_ != nullptr) channel_->send(writer_.bytes());
}

void NodeSession::on_notice(Notice notice) {
  encode(writer_, notice);
  if (!name_.empty()) kept_.add_notice(writer_.bytes());
  if (channel_ != nullptr) channel_->send(writer_.bytes());
}

}  // namespace lookout
