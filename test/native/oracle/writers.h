// The mutators as child processes, which run beside the judge and the engine on cores of their own.
#pragma once

#include <sys/types.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/streambuf.hpp>
#include <functional>
#include <string>

#include "mutator/mutator.h"

namespace lookout::oracle {

class Writer {
 public:
  enum class State { running, ready, resting, done, failed };

  // Forks; the child runs the mutator and ends with this process at the latest. `pause` is called
  // with true before the mutator floods the queue of who watches, and with false after that.
  Writer(boost::asio::io_context& io, const MutatorOptions& options,
         std::function<void(bool)> pause);
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  State state() const { return state_; }
  int stalls() const { return stalls_; }
  // How a failed child ended: a wait status, as in waitpid(2).
  int status() const { return status_; }
  // Lets a child that is ready or rests go on.
  void go();

 private:
  void read();
  void take(const std::string& line);
  void fail();
  void say_go();
  std::string read_line_blocking();

  std::function<void(bool)> pause_;
  boost::asio::posix::stream_descriptor output_;
  boost::asio::streambuf buffer_;
  int input_ = -1;
  pid_t pid_ = -1;
  State state_ = State::running;
  int stalls_ = 0;
  int status_ = 0;
};

}  // namespace lookout::oracle
