// What the engine knows and watches: the tree, the sources of hints, the reconciler that keeps the
// tree as it was reported, and the roots. EngineLoop owns it and is the sink; the order of the
// members is that of their dependencies.
#pragma once

#include <memory>

#include "watch/disk/path_watches.h"
#include "watch/disk/remote_mounts.h"
#include "watch/model/tree.h"
#include "watch/model/visibility.h"
#include "watch/reconcile/change_sink.h"
#include "watch/reconcile/reconciler.h"
#include "watch/roots/root_manager.h"
#include "watch/sources/hint_source.h"

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
