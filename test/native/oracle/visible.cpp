#include "oracle/visible.h"

#include <fstream>
#include <iterator>

#include "ignore/scope.h"

namespace lookout::oracle {
namespace {

// A file that holds rules; nothing where there is none.
RulesPtr read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return nullptr;
  return Rules::parse(std::string(std::istreambuf_iterator<char>(file), {}));
}

// Takes out what the rules match, with those that are found on the way where git's files count.
void take_ignored(SnapshotNode& found, ScopePtr scope, const std::string& path, bool gitignore) {
  if (gitignore) {
    const bool repository = found.children.erase(".git") > 0;
    scope = scope->in({read(path + "/.gitignore"), repository,
                       repository ? read(path + "/.git/info/exclude") : nullptr, nullptr});
  }
  std::erase_if(found.children, [&](const auto& entry) {
    const auto& [name, node] = entry;
    const Verdict verdict = scope->judge(name);
    const bool directory = node->type == FileType::directory;
    if ((directory ? verdict.directory : verdict.other) == Decision::ignored) return true;
    if (directory) take_ignored(*node, scope->enter(name), path + '/' + name, gitignore);
    return false;
  });
}

// Takes out what is no directory and is not matched, itself or with a directory above it.
void take_others(SnapshotNode& found, const ScopePtr& scope) {
  std::erase_if(found.children, [&](const auto& entry) {
    const auto& [name, node] = entry;
    const Verdict verdict = scope->judge(name);
    if (node->type != FileType::directory) return verdict.other != Decision::ignored;
    if (verdict.directory != Decision::ignored) take_others(*node, scope->enter(name));
    return false;
  });
}

ScopePtr scope_of(const std::vector<std::string>& lines) {
  return Scope::empty()->with(Rules::of(lines), Scope::Rank::option);
}

}  // namespace

void keep_visible(SnapshotNode& found, const std::string& path, const WatchOptions& options) {
  take_ignored(found, scope_of(options.ignore), path, options.gitignore);
  if (!options.only.empty()) take_others(found, scope_of(options.only));
}

}  // namespace lookout::oracle
