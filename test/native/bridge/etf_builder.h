// Terms as bytes, put together by hand so that the tests depend on no codec under test.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace lookout::etf_builder {

// How atoms are written: OTP 26 and later use the short UTF-8 form, OTP 25 the Latin-1 form.
enum class Atoms { utf8, latin1 };

inline std::string big_endian(std::uint64_t value, std::size_t width) {
  std::string bytes(width, '\0');
  for (auto byte = bytes.rbegin(); byte != bytes.rend(); ++byte, value >>= 8U) {
    *byte = static_cast<char>(value);
  }
  return bytes;
}

inline std::string join(std::initializer_list<std::string> parts) {
  std::string all;
  for (const std::string& part : parts) all += part;
  return all;
}

inline std::string term(const std::string& body) {
  return "\x83" + body;
}

inline std::string atom(std::string_view name, Atoms atoms = Atoms::utf8) {
  if (atoms == Atoms::latin1) return "d" + big_endian(name.size(), 2) + std::string(name);
  return "w" + big_endian(name.size(), 1) + std::string(name);
}

inline std::string binary(std::string_view bytes) {
  return "m" + big_endian(bytes.size(), 4) + std::string(bytes);
}

// In the form that term_to_binary chooses.
inline std::string integer(std::int64_t value) {
  if (value >= 0 && value < 256) return "a" + big_endian(static_cast<std::uint64_t>(value), 1);
  if (value >= INT32_MIN && value <= INT32_MAX) {
    return "b" + big_endian(static_cast<std::uint64_t>(value), 4);
  }
  const std::uint64_t magnitude =
      value < 0 ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
  const std::string big = big_endian(magnitude, 8);
  std::string digits(big.rbegin(), big.rend());
  digits.erase(digits.find_last_not_of('\0') + 1);
  return "n" + big_endian(digits.size(), 1) + (value < 0 ? '\1' : '\0') + digits;
}

inline std::string nil() {
  return "j";
}

inline std::string tuple(std::initializer_list<std::string> elements) {
  return "h" + big_endian(elements.size(), 1) + join(elements);
}

inline std::string list(std::initializer_list<std::string> elements,
                        const std::string& tail = nil()) {
  if (elements.size() == 0) return nil();
  return "l" + big_endian(elements.size(), 4) + join(elements) + tail;
}

inline std::string option(std::string_view name, const std::string& value) {
  return tuple({atom(name), value});
}

}  // namespace lookout::etf_builder
