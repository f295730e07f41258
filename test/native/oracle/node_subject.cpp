#include "oracle/node_subject.h"

#include <chrono>
#include <csignal>
#include <optional>
#include <thread>
#include <utility>

#include "mutator/random.h"
#include "node/bytes.h"
#include "node/control.h"
#include "oracle/node_link.h"
#include "oracle/node_process.h"
#include "oracle/node_session.h"

namespace lookout::oracle {
namespace {

using node_bytes::atom;
using node_bytes::tuple;

constexpr std::uint64_t kLinger = 60'000;  // milliseconds
constexpr std::uint8_t kRegSend = 6;
constexpr std::uint64_t kAliasSend = 33;
constexpr std::uint64_t kMonitorExit = 21;

std::string number(std::uint64_t value) {
  constexpr std::uint8_t kSmallBig = 110;
  std::string bytes{static_cast<char>(kSmallBig), '\x08', '\0'};
  for (unsigned i = 0; i < 8; ++i) bytes += static_cast<char>(value >> (8U * i));
  return bytes;
}

class NodeSubject : public Subject {
 public:
  explicit NodeSubject(const SubjectContext& context)
      : context_(context),
        random_(context.seed * 16 + 11),
        named_(context.splits || random_.one_in(2)) {
    ::signal(SIGPIPE, SIG_IGN);
  }

  Watching& begin() override {
    end();
    node_ = std::make_unique<NodeProcess>(context_.directory);
    session_ = std::make_unique<NodeSession>(
        context_, [this](const std::string& request) { send_command(request); });
    open();
    return *session_;
  }

  // The client sees the end, and where the node can still say so, why.
  void end() override {
    if (!node_) return;
    pause(false);
    const bool politely = random_.one_in(4);
    ending_ = true;
    node_->signal(politely ? SIGTERM : SIGKILL);
    run_until(context_.io, "the connection ends with the node", [this] { return closed_; });
    const int status = node_->wait();
    if (politely && (status != 0 || reason_ != "shutdown" || down_ != "shutdown"))
      throw Broken("a node that is ended has the status " + std::to_string(status) + ", " +
                   reason_ + ", " + down_);
    if (epoch_ > 0) last_batch_ = epoch_ + 1;  // of a session that is gone
    link_.reset();
    session_.reset();
    node_.reset();
    ending_ = false;
  }

  void pause(bool paused) override {
    if (node_ && std::exchange(paused_, paused) != paused)
      node_->signal(paused ? SIGSTOP : SIGCONT);
  }

  bool split(std::uint64_t last_seq) override {
    const auto loss = static_cast<Loss>(random_.below(kLosses));
    const UniqueFd silent = link_->lose(loss);
    link_.reset();
    session_->lose();
    if (random_.one_in(2))
      std::this_thread::sleep_for(std::chrono::milliseconds(random_.below(40)));
    last_batch_ = epoch_ + last_seq;
    open();
    const std::optional<std::uint64_t> resumed = session_->begun()->resumed;
    if (!resumed) return false;
    if (*resumed != last_seq) throw Broken("the session goes on after another batch");
    session_->ping();  // what is sent again comes before the answer
    session_->resume_requests();
    return true;
  }

  bool is_local() const override { return false; }

 private:
  // With a new reference each time, as each owner has one.
  void open() {
    closed_ = false;
    reason_.clear();
    down_.clear();
    link_ = std::make_unique<NodeLink>(
        context_.io, node_->port(), NodeProcess::kCookie,
        NodeLink::Handlers{[this](std::string_view frame) { take(frame); },
                           [this] { on_closed(); }});
    reference_ = node_bytes::reference(++references_);
    link_->send(monitor_frame(pid_, atom("lookout"), reference_));
    send(named_ ? tuple({atom("open"), node_bytes::binary("oracle"), number(kLinger),
                         number(last_batch_)})
                : atom("open"));
    run_until(context_.io, "the session begins",
              [this] { return session_->is_greeted() && (!named_ || session_->begun()); });
    if (!named_) return;
    const std::uint64_t epoch = session_->begun()->epoch;
    if (session_->begun()->resumed ? epoch != epoch_ : epoch <= epoch_)
      throw Broken("the epoch of the session is wrong");
    epoch_ = epoch;
  }

  void send(const std::string& message) {
    const std::string control =
        tuple({node_bytes::small(kRegSend), pid_, atom(""), atom("lookout")});
    const std::string content = node_bytes::frame(control, tuple({reference_, message}));
    std::string bytes;
    put_number(bytes, content.size(), 4);
    link_->send(bytes + content);
  }

  void send_command(const std::string& request) {
    if (!closed_) send(tuple({atom("command"), request}));
  }

  void take(std::string_view frame) {
    DistReader reader(frame.substr(frame.empty() ? 0 : 1));
    if (!reader.version() || !reader.tuple()) throw Broken("the node sends a bad frame");
    const auto operation = reader.natural();
    if (operation == kMonitorExit) return take_down(reader);
    if (operation != kAliasSend) return;
    reader.pid();
    if (reader.reference() != reference_ || !reader.version() || reader.tuple() != 2U ||
        reader.reference() != reference_ || reader.tuple() != 2U)
      throw Broken("the node sends a message to another process");
    const auto kind = reader.atom();
    if (kind == "data") return session_->take(decode_message(reader.rest()));
    reason_ = reader.atom().value_or("");
    if (!ending_) throw Broken("the session ends with the reason " + reason_);
  }

  void take_down(DistReader& reader) {
    reader.term();
    reader.pid();
    if (reader.reference() != reference_) throw Broken("a monitor fires that is not set");
    down_ = reader.atom().value_or("");
  }

  void on_closed() {
    if (std::exchange(closed_, true) || ending_) return;
    context_.complain("the node closes the connection");
  }

  SubjectContext context_;
  Random random_;
  bool named_;
  std::unique_ptr<NodeProcess> node_;
  std::unique_ptr<NodeLink> link_;
  std::unique_ptr<NodeSession> session_;
  std::string pid_ = node_bytes::pid("app@host", 3);
  std::string reference_;
  std::uint64_t references_ = 0;
  std::uint64_t epoch_ = 0;
  std::uint64_t last_batch_ = 0;
  bool paused_ = false;
  bool ending_ = false;
  bool closed_ = false;
  std::string reason_;  // of the session's end
  std::string down_;    // of the monitor
};

}  // namespace

std::unique_ptr<Subject> make_node_subject(const SubjectContext& context) {
  return std::make_unique<NodeSubject>(context);
}

}  // namespace lookout::oracle
