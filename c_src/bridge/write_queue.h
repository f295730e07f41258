// Bytes on their way to a descriptor, in the event loop: written at once as far as the descriptor
// accepts them, and the rest when it accepts more. Never blocks. PortTransport, ChildProgram and
// Connection own one each and call it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>

#include "support/lifetime.h"

namespace lookout {

class WriteQueue {
 public:
  using ErrorCode = boost::system::error_code;

  // All are called from the loop, never within add().
  struct Handlers {
    std::function<void()> written;                 // bytes that had waited were written
    std::function<void()> room;                    // has_room() again after it had none
    std::function<void(const ErrorCode&)> failed;  // nothing more can be written
  };

  // `output` must be non-blocking and outlive the queue. has_room() while at most `room` bytes
  // wait.
  WriteQueue(boost::asio::io_context& io, boost::asio::posix::stream_descriptor& output,
             std::size_t room, Handlers handlers);
  WriteQueue(const WriteQueue&) = delete;
  WriteQueue& operator=(const WriteQueue&) = delete;

  // Copies the bytes, the parts one after another.
  void add(std::initializer_list<std::string_view> parts);

  std::size_t backlog() const { return writing_.size() - written_ + waiting_.size(); }
  bool has_room() const { return backlog() <= room_; }
  // Whether bytes wait until the output accepts more.
  bool is_pending() const { return pending_; }
  // No handler is called any more.
  void close() { closed_ = true; }

 private:
  void write();
  void on_writable(const ErrorCode& error);

  boost::asio::io_context& io_;
  boost::asio::posix::stream_descriptor& output_;
  std::size_t room_;
  Handlers handlers_;
  std::string writing_;  // to be written from written_ on
  std::size_t written_ = 0;
  std::string waiting_;  // added meanwhile; goes in one write
  bool pending_ = false;
  bool was_full_ = false;
  bool closed_ = false;
  Lifetime lifetime_;
};

}  // namespace lookout
