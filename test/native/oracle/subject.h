// What a trial judges: an engine in this process, or a session of `lookout_port --node`.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>

#include "bridge/watching.h"

namespace lookout::oracle {

struct Broken : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Subject {
 public:
  virtual ~Subject() = default;
  // Ends what there is, as by SIGKILL, and begins anew: nothing is watched. What it returns is
  // valid until the next call or end().
  virtual Watching& begin() = 0;
  virtual void end() = 0;
  // Stops it, or lets it go on. An engine stops with the loop of this process.
  virtual void pause(bool /*paused*/) {}
  // Loses the connection, and makes another. Whether the session goes on after this batch; if not,
  // a new one has begun, and nothing is watched.
  virtual bool split(std::uint64_t /*last_seq*/) { return false; }
  // Whether its work can be seen as handlers of the loop.
  virtual bool is_local() const = 0;
};

// What a subject is made with.
struct SubjectContext {
  boost::asio::io_context& io;
  Listener& listener;
  // What breaks a promise, other than by a wrong answer.
  std::function<void(const std::string&)> complain;
  std::uint64_t seed;
  std::string directory;  // all that is watched lies in it
  bool splits;            // split() will be called
};
using SubjectMaker = std::function<std::unique_ptr<Subject>(const SubjectContext&)>;

std::unique_ptr<Subject> make_engine_subject(const SubjectContext& context);

}  // namespace lookout::oracle
