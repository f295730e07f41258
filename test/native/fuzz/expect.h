// A property that must hold for any input: libFuzzer keeps the input that breaks it.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace lookout::fuzz {

inline void expect(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

}  // namespace lookout::fuzz
