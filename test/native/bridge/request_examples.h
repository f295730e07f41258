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
      term(
          tuple({name("spawn"), integer(7), list({binary("cat"), binary("-")}),
                 list({tuple({name("env"), list({tuple({binary("A"), binary("b")}),
                                                 tuple({binary("C"), name("nil")})})}),
                       tuple({name("cd"), binary("/srv")}), tuple({name("stdin"), name("pipe")}),
                       tuple({name("stderr"), tuple({name("append"), binary("/tmp/e")})}),
                       tuple({name("pty"), tuple({integer(24), integer(80)})}),
                       tuple({name("rlimits"),
                              list({tuple({name("nofile"), integer(9), name("infinity")})})}),
                       tuple({name("nice"), integer(-5)}), tuple({name("credit"), integer(9)})})})),
      term(tuple({name("spawn"), integer(12), list({binary("cat")}),
                  list({tuple({name("user"), binary("nobody")}), tuple({name("group"), integer(7)}),
                        tuple({name("groups"), list({binary("audio"), integer(8)})}),
                        tuple({name("linger"), integer(5)}),
                        tuple({name("cgroup"), list({tuple({name("pids_max"), integer(9)})})})})})),
      term(tuple({name("stats"), integer(13)})),
      term(tuple({name("stdin"), binary("hello")})),
      term(tuple({name("close_stdin"), integer(8)})),
      term(tuple({name("signal"), integer(9), name("term")})),
      term(tuple({name("stop"), integer(10), integer(5000)})),
      term(tuple({name("resize"), integer(11), tuple({integer(24), integer(80)})})),
      term(tuple({name("read"), name("stdout"), integer(65536)})),
  };
}

}  // namespace lookout::etf_builder
