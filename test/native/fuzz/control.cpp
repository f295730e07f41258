// P7: any frame of an authenticated peer is parsed without reading beyond it, and what is found in
// it lies in it.
#include "node/control.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "expect.h"
#include "node/dist_frames.h"
#include "node/messages.h"

namespace {

using namespace lookout;

void check_message(std::string_view term) {
  const Message message = parse_message(term);
  if (const auto* call = std::get_if<Call>(&message)) {
    fuzz::expect(!call->from.empty() && !call->tag.empty() && !call->request.empty(),
                 "a call is whole");
    is_auth_request(call->request);
    fuzz::expect(call_answer(*call, "x").size() == 3 + call->tag.size(), "an answer has the tag");
  } else if (const auto* open = std::get_if<OpenMessage>(&message)) {
    fuzz::expect(!open->named || !open->named->name.empty(), "a name is not empty");
  }
  parse_command_beginning(term);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto within = [&](std::string_view part) {
    fuzz::expect(part.data() >= bytes.data() && part.data() + part.size() <= bytes.data() + size,
                 "what is found lies in the frame");
  };
  for (const bool cut : {false, true}) {
    const ControlMessage control = parse_control_message(bytes, cut);
    if (const auto* send = std::get_if<control::RegSend>(&control)) {
      within(send->from);
      within(send->message);
      check_message(send->message);
    } else if (const auto* monitor = std::get_if<control::Monitor>(&control)) {
      within(monitor->reference);
      const std::string exit =
          monitor_exit_frame(monitor->process, monitor->from, monitor->reference, "noproc");
      const ControlMessage again = parse_control_message(std::string_view(exit).substr(4));
      const auto* parsed = std::get_if<control::MonitorExit>(&again);
      fuzz::expect(parsed != nullptr && parsed->reference == monitor->reference,
                   "what is written is read again");
    }
  }
  check_message(bytes);
  DistFrames frames;
  std::string_view chunk = bytes;
  while (!std::holds_alternative<NeedMore>(frames.next(chunk))) continue;
  fuzz::expect(chunk.empty(), "the chunk is consumed");
  return 0;
}
