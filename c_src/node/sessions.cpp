#include "node/sessions.h"

#include <algorithm>
#include <boost/asio/post.hpp>

#include "bridge/etf.h"
#include "bridge/outbox.h"
#include "node/control.h"
#include "node/dist_terms.h"

namespace lookout {
namespace {

namespace asio = boost::asio;

// How long until a session is tried again that could not be destroyed.
constexpr std::chrono::seconds kRetry{1};

}  // namespace

Sessions::Sessions(asio::io_context& io, const NodeIdentity& self, std::string pid,
                   SessionLimits limits, EndHandler ended)
    : io_(io),
      self_(self),
      pid_(std::move(pid)),
      limits_(limits),
      ended_(std::move(ended)),
      retry_(io) {}

void Sessions::open(const ConnectionPointer& connection, std::string_view owner,
                    std::string_view reference, std::optional<NamedOpen> named) {
  if (id_of(*connection, reference)) {
    return refuse(connection, owner, reference, "bad_request",
                  "this reference names a session already; use a new one");
  }
  std::size_t ending = 0;  // 1 if the session that was just ended may be left out of the count
  if (const auto known = named ? id_of(named->name) : std::nullopt) {
    Live& live = sessions_.at(*known);
    if (live.channel) {
      return refuse(connection, owner, reference, "in_use",
                    "another process has this session, on node " +
                        live.channel->connection()->peer() + "; wait until it has ended");
    }
    if (const auto batch = live.session->resumable(named->last_batch)) {
      live.linger = named->linger;
      return attach(*known, std::make_unique<OwnerChannel>(connection, pid_, owner, reference),
                    batch);
    }
    end(*known, "superseded");  // a new epoch
    if (!retired_.back()->is_stuck()) ending = 1;
  }
  if (sessions_.size() + retired_.size() - ending >= limits_.sessions) {
    return refuse(connection, owner, reference, "eagain",
                  "this node has as many sessions as --max-sessions allows (" +
                      std::to_string(limits_.sessions) + "); try again when one has ended");
  }
  const Id id = ++last_id_;
  Live& live = sessions_[id];
  live.session = std::make_unique<NodeSession>(io_, named ? named->name : std::string(),
                                               next_epoch(), limits_.commands);
  if (named) live.linger = named->linger;
  attach(id, std::make_unique<OwnerChannel>(connection, pid_, owner, reference), std::nullopt);
}

void Sessions::refuse(const ConnectionPointer& connection, std::string_view owner,
                      std::string_view reference, std::string_view reason,
                      std::string_view detail) {
  OwnerChannel channel(connection, pid_, owner, reference);
  Outbox outbox(channel);
  outbox.send(Fatal{Error{std::string(reason), "open", "", std::string(detail)}});
  channel.send_end(reason);
  ended_(*connection, channel.reference(), reason);
}

void Sessions::attach(Id id, std::unique_ptr<OwnerChannel> channel,
                      std::optional<std::uint64_t> resumed) {
  Live& live = sessions_.at(id);
  live.lingering.reset();
  live.channel = std::move(channel);
  live.monitor.clear();
  put_reference(live.monitor, self_.name, ++last_monitor_, self_.creation);
  const OwnerChannel& to = *live.channel;
  by_reference_[{to.connection().get(), to.reference()}] = id;
  to.connection()->send(monitor_frame(pid_, to.owner(), live.monitor));
  live.session->attach(*live.channel, resumed,
                       lifetime_.guard([this, id](std::string_view reason) { end(id, reason); }));
}

std::unique_ptr<OwnerChannel> Sessions::detach(Live& live) {
  std::unique_ptr<OwnerChannel> channel = std::move(live.channel);
  by_reference_.erase({channel->connection().get(), channel->reference()});
  live.session->detach();
  return channel;
}

void Sessions::on_command(const Connection& connection, std::string_view reference,
                          std::string_view term) {
  Live* const live = find(connection, reference);
  if (live == nullptr) return;
  std::string payload(1, static_cast<char>(etf::kVersion));
  payload += term;
  live->session->on_payload(payload);
}

void Sessions::on_large(const Connection& connection, std::string_view reference,
                        std::size_t size) {
  if (Live* const live = find(connection, reference)) live->session->on_large(size);
}

void Sessions::close(const Connection& connection, std::string_view reference) {
  if (const auto id = id_of(connection, reference)) end(*id, "normal");
}

void Sessions::on_room(const Connection& connection) {
  for (auto& [id, live] : sessions_) {
    if (live.channel && live.channel->connection().get() == &connection) live.session->on_room();
  }
}

void Sessions::on_closed(const Connection& connection) {
  std::vector<Id> owned;
  for (const auto& [id, live] : sessions_) {
    if (live.channel && live.channel->connection().get() == &connection) owned.push_back(id);
  }
  for (const Id id : owned) linger(id);
}

void Sessions::on_demonitored(const Connection& connection, std::string_view reference) {
  if (const auto id = id_of(connection, reference)) linger(*id);
}

void Sessions::on_owner_gone(const Connection& connection, std::string_view monitor) {
  for (const auto& [id, live] : sessions_) {
    if (live.channel && live.monitor == monitor &&
        live.channel->connection().get() == &connection) {
      return linger(id);
    }
  }
}

// The owner of a session is gone.
void Sessions::linger(Id id) {
  Live& live = sessions_.at(id);
  if (live.session->name().empty() || live.linger.count() == 0) return end(id, "normal");
  const auto channel = detach(live);
  ended_(*channel->connection(), channel->reference(), "normal");
  live.lingering = std::make_unique<asio::steady_timer>(io_);
  live.lingering->expires_after(live.linger);
  live.lingering->async_wait(
      lifetime_.guard([this, id, monitor = live.monitor](const boost::system::error_code& error) {
        // The session may have got another owner since the timer expired.
        const auto found = sessions_.find(id);
        if (!error && found != sessions_.end() && found->second.monitor == monitor &&
            found->second.lingering) {
          end(id, "normal");
        }
      }));
}

void Sessions::end(Id id, std::string_view reason) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return;
  Live live = std::move(found->second);
  sessions_.erase(found);
  if (live.channel) {
    const auto channel = detach(live);
    const ConnectionPointer connection = channel->connection();
    channel->send_end(reason);
    connection->send(demonitor_frame(pid_, channel->owner(), live.monitor));
    ended_(*connection, channel->reference(), reason);
  }
  retire(std::move(live.session));
}

void Sessions::end_all(std::string_view reason) {
  while (!sessions_.empty()) end(sessions_.begin()->first, reason);
}

// Handlers that are posted already refer to the session, so it is destroyed after them.
void Sessions::retire(std::unique_ptr<NodeSession> session) {
  retired_.push_back(std::move(session));
  asio::post(io_, lifetime_.guard([this] { destroy_retired(); }));
}

void Sessions::destroy_retired() {
  std::erase_if(retired_, [](const auto& session) { return !session->is_stuck(); });
  if (retired_.empty()) return;
  retry_.expires_after(kRetry);
  retry_.async_wait(lifetime_.guard([this](const boost::system::error_code& error) {
    if (!error) destroy_retired();
  }));
}

std::uint64_t Sessions::next_epoch() {
  using std::chrono::microseconds;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto time = std::chrono::duration_cast<microseconds>(now).count();
  last_epoch_ = std::max(last_epoch_ + 1, static_cast<std::uint64_t>(time));
  return last_epoch_;
}

bool Sessions::is_stuck() const {
  const auto stuck = [](const auto& session) { return session->is_stuck(); };
  return std::any_of(retired_.begin(), retired_.end(), stuck) ||
         std::any_of(sessions_.begin(), sessions_.end(),
                     [&](const auto& entry) { return stuck(entry.second.session); });
}

Sessions::Live* Sessions::find(const Connection& connection, std::string_view reference) {
  const auto id = id_of(connection, reference);
  return id ? &sessions_.at(*id) : nullptr;
}

std::optional<Sessions::Id> Sessions::id_of(const Connection& connection,
                                            std::string_view reference) const {
  const auto found = by_reference_.find({&connection, std::string(reference)});
  return found == by_reference_.end() ? std::nullopt : std::optional<Id>(found->second);
}

std::optional<Sessions::Id> Sessions::id_of(const std::string& name) const {
  const auto found = std::find_if(sessions_.begin(), sessions_.end(), [&](const auto& entry) {
    return entry.second.session->name() == name;
  });
  return found == sessions_.end() ? std::nullopt : std::optional<Id>(found->first);
}

}  // namespace lookout
