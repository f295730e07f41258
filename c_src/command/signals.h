// Signal names as Elixir writes them: :term, :kill. The decoders of requests and the encoders of
// messages call them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace lookout {

inline constexpr int kMaxSignal = 64;

// Returns the number of "term", "kill", ...; nothing for an unknown name.
std::optional<int> signal_number(std::string_view name);

// Returns the name of a signal: "term"; "rtmin_3" and the like for real-time signals.
std::string signal_name(int number);

}  // namespace lookout
