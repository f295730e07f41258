// Signals by name, as Elixir writes them: :term, :kill.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace lookout {

inline constexpr int kMaxSignal = 64;

// The number of "term", "kill", ...; none for a name that there is not.
std::optional<int> signal_number(std::string_view name);

// The name of a signal: "term"; "rtmin_3" and the like for real-time ones.
std::string signal_name(int number);

}  // namespace lookout
