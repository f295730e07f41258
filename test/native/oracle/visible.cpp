#include "oracle/visible.h"

#include "ignore/scope.h"

namespace lookout::oracle {
namespace {

// Takes out what the rules match.
void take_ignored(SnapshotNode& found, const ScopePtr& scope) {
  std::erase_if(found.children, [&](const auto& entry) {
    const auto& [name, node] = entry;
    const Verdict verdict = scope->judge(name);
    const bool directory = node->type == FileType::directory;
    if ((directory ? verdict.directory : verdict.other) == Decision::ignored) return true;
    if (directory) take_ignored(*node, scope->enter(name));
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

void keep_visible(SnapshotNode& found, const std::string& /*path*/, const WatchOptions& options) {
  take_ignored(found, scope_of(options.ignore));
  if (!options.only.empty()) take_others(found, scope_of(options.only));
}

}  // namespace lookout::oracle
