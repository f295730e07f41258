// Valid requests as bytes, for tests that bend them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bridge/etf_builder.h"

namespace lookout::etf_builder {

inline std::string watch_example(Atoms atoms = Atoms::utf8) {
  const auto name = [atoms](std::string_view text) { return atom(text, atoms); };
  return term(tuple(
      {name("watch"), integer(1), list({binary("/srv/in"), binary("/srv/out")}),
       list({tuple({name("recursive"), name("false")}), tuple({name("initial"), name("true")}),
             tuple({name("missing"), name("wait")}), tuple({name("settle"), integer(1000)}),
             tuple({name("credit"), name("infinity")})})}));
}

inline std::vector<std::string> request_examples(Atoms atoms = Atoms::utf8) {
  const auto name = [atoms](std::string_view text) { return atom(text, atoms); };
  return {
      watch_example(atoms),
      term(tuple({name("unwatch"), integer(2), binary("/srv/in")})),
      term(tuple({name("sync"), integer(INT64_MAX)})),
      term(tuple({name("list"), integer(300),
                  list({tuple({name("under"), binary("/srv/in/a")}),
                        tuple({name("stat"), name("true")})})})),
      term(tuple({name("info"), integer(5)})),
      term(tuple({name("ping"), integer(6)})),
      term(tuple({name("credit"), integer(64)})),
  };
}

}  // namespace lookout::etf_builder
