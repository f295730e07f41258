// What the engine knows and watches: the tree, the sources of hints, the reconciler that keeps the
// tree as it was reported, and the roots.
#pragma once

#include <memory>

#include "watch/change_sink.h"
#include "watch/hint_source.h"
#include "watch/path_watches.h"
#include "watch/reconciler.h"
#include "watch/remote_mounts.h"
#include "watch/root_manager.h"
#include "watch/tree.h"
#include "watch/visibility.h"

namespace lookout {

struct EngineModel {
  // `sink` receives the changes and notices.
  explicit EngineModel(ChangeSink& sink)
      : source(make_hint_source()),
        paths(*source, remotes, [this](int watch) { return tree.watch_in_use(watch); }),
        visibility(tree),
        reconciler(tree, visibility, *source, paths, remotes, sink),
        roots(tree, visibility, paths, reconciler, remotes, sink) {}
  EngineModel(const EngineModel&) = delete;
  EngineModel& operator=(const EngineModel&) = delete;

  Tree tree;
  RemoteMounts remotes;
  std::shared_ptr<HintSource> source;
  PathWatches paths;
  Visibility visibility;
  Reconciler reconciler;
  RootManager roots;
};

}  // namespace lookout
