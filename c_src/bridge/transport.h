// What lies between the messages and whatever carries them. Payloads are whole terms; how they are
// framed is the transport's own affair.
#pragma once

#include <string_view>

#include "support/error.h"

namespace lookout {

// Where payloads go.
class Sink {
 public:
  virtual ~Sink() = default;
  // Takes a copy and returns at once; never blocks.
  virtual void send(std::string_view payload) = 0;
  // False while so much waits to be sent that a listing should pause.
  virtual bool has_room() const = 0;
};

// Where payloads come from outside arrive. Called from the loop.
class Receiver {
 public:
  virtual ~Receiver() = default;
  virtual void on_payload(std::string_view payload) = 0;
  // The sink has room again after it had none.
  virtual void on_room() = 0;
  // Nothing more can be read for this reason; what is sent from here are the last words.
  virtual void on_broken(const Error& error) = 0;
};

}  // namespace lookout
