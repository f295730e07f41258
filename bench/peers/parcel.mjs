// @parcel/watcher as a program: "ready" when it watches, then a line of JSON an event.
import watcher from "@parcel/watcher";

await watcher.subscribe(process.argv[2], (error, events) => {
  if (error) console.log(JSON.stringify({ error: String(error) }));
  for (const { type, path } of events ?? []) console.log(JSON.stringify({ type, path }));
});
console.log("ready");
process.stdin.on("end", () => process.exit(0)).resume();
