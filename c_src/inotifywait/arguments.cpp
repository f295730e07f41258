#include "inotifywait/arguments.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>

namespace lookout::inotifywait {
namespace {

struct Option {
  char letter;
  std::string_view name;
  bool takes_value;
};

constexpr std::array<Option, 6> kOptions{{
    {'e', "event", true},
    {'f', "format", true},  // only --format: inotifywait has no -f
    {'h', "help", false},
    {'m', "monitor", false},
    {'q', "quiet", false},
    {'r', "recursive", false},
}};

constexpr std::string_view kAccepted =
    "expected -m, -r, -q, -e EVENT, --format FORMAT, --help and paths, got ";

Error refusal(std::string detail) {
  return Error{"bad_argument", "inotifywait", "", std::move(detail)};
}

class Parser {
 public:
  explicit Parser(const std::vector<std::string>& arguments) : left_(arguments) {}

  Result<Arguments> parse() {
    while (!at_end() && !failure_) take(next());
    if (failure_) return std::move(*failure_);
    if (result_.help) return std::move(result_);
    if (result_.paths.empty()) return refusal("expected a path to watch, got none");
    if (!monitor_) {
      return refusal("expected -m (--monitor): ending after the first event is not supported");
    }
    if (result_.kinds.none()) result_.kinds.set();
    return std::move(result_);
  }

 private:
  bool at_end() const { return at_ == left_.size(); }
  const std::string& next() { return left_[at_++]; }

  void take(const std::string& argument) {
    if (argument == "--") {
      while (!at_end()) result_.paths.push_back(next());
    } else if (argument.starts_with("--")) {
      take_long(argument);
    } else if (argument.starts_with('-')) {
      take_letters(argument);
    } else if (argument.empty() || argument.front() == '@') {
      failure_ = refusal(std::string(kAccepted) + '"' + argument + '"');
    } else {
      result_.paths.push_back(argument);
    }
  }

  // --name, --name value or --name=value
  void take_long(const std::string& argument) {
    const std::size_t equals = std::min(argument.find('='), argument.size());
    const std::string_view name = std::string_view(argument).substr(2, equals - 2);
    const auto* option = std::ranges::find(kOptions, name, &Option::name);
    const bool has_value = equals < argument.size();
    if (option == kOptions.end() || (has_value && !option->takes_value)) return unknown(argument);
    if (!option->takes_value) return set(*option, "");
    if (has_value) return set(*option, argument.substr(equals + 1));
    set_from_next(*option, argument);
  }

  // -mrq, -e value or -evalue
  void take_letters(const std::string& argument) {
    if (argument.size() == 1) return unknown(argument);
    for (std::size_t i = 1; i < argument.size() && !failure_; ++i) {
      const auto* option = std::ranges::find(kOptions, argument[i], &Option::letter);
      if (option == kOptions.end() || option->letter == 'f') return unknown(argument);
      if (!option->takes_value) {
        set(*option, "");
      } else if (i + 1 < argument.size()) {
        return set(*option, argument.substr(i + 1));
      } else {
        return set_from_next(*option, argument);
      }
    }
  }

  void set_from_next(const Option& option, const std::string& argument) {
    if (at_end()) {
      failure_ = refusal("expected a value after " + argument);
    } else {
      set(option, next());
    }
  }

  void set(const Option& option, std::string_view value) {
    switch (option.letter) {
      case 'e':
        return add_events(value);
      case 'f':
        return set_format(value);
      case 'h':
        result_.help = true;
        return;
      case 'm':
        monitor_ = true;
        return;
      case 'q':
        result_.quiet = true;
        return;
      default:
        result_.recursive = true;
        return;
    }
  }

  // One event, or several separated by commas.
  void add_events(std::string_view names) {
    for (std::size_t begin = 0; begin <= names.size();) {
      const std::size_t end = std::min(names.find(',', begin), names.size());
      const std::string_view name = names.substr(begin, end - begin);
      const auto kinds = kinds_named(name);
      if (!kinds) {
        failure_ = refusal(
            "-e: expected create, modify, close_write, close, attrib, moved_from, moved_to, move "
            "or delete, got " +
            std::string(name));
        return;
      }
      result_.kinds |= *kinds;
      begin = end + 1;
    }
  }

  void set_format(std::string_view text) {
    auto format = LineFormat::parse(text);
    if (auto* error = std::get_if<Error>(&format)) {
      failure_ = std::move(*error);
    } else {
      result_.format = std::get<LineFormat>(std::move(format));
    }
  }

  void unknown(const std::string& argument) {
    failure_ = refusal(std::string(kAccepted) + argument);
  }

  const std::vector<std::string>& left_;
  std::size_t at_ = 0;
  bool monitor_ = false;
  Arguments result_;
  std::optional<Error> failure_;
};

}  // namespace

Result<Arguments> parse_arguments(const std::vector<std::string>& arguments) {
  return Parser(arguments).parse();
}

}  // namespace lookout::inotifywait
