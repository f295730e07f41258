// Hands a descriptor over to the event loop. InputStream, OutputStream and Command::Running call
// it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "support/unique_fd.h"

namespace lookout {

// Throws boost::system::system_error, and closes `fd`, when the loop cannot take another
// descriptor.
inline boost::asio::posix::stream_descriptor adopt(boost::asio::io_context& io, UniqueFd fd) {
  boost::asio::posix::stream_descriptor descriptor(io);
  descriptor.assign(fd.get());
  fd.release();
  return descriptor;
}

}  // namespace lookout
