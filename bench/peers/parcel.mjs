// @parcel/watcher as a program: "ready" when it watches, then a line of JSON an event. By inotify:
// where watchman is installed it would start that instead, and leave it behind.
import watcher from "@parcel/watcher";

const tell = (error, events) => {
  if (error) console.log(JSON.stringify({ error: String(error) }));
  for (const { type, path } of events ?? []) console.log(JSON.stringify({ type, path }));
};
await watcher.subscribe(process.argv[2], tell, { backend: "inotify" });
console.log("ready");
process.stdin.on("end", () => process.exit(0)).resume();
