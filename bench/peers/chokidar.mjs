// chokidar as a program: "ready" when it watches, then a line of JSON an event.
import { watch } from "chokidar";

watch(process.argv[2], { ignoreInitial: true, followSymlinks: false })
  .on("all", (type, path) => console.log(JSON.stringify({ type, path })))
  .on("error", (error) => console.log(JSON.stringify({ error: String(error) })))
  .on("ready", () => console.log("ready"));
process.stdin.on("end", () => process.exit(0)).resume();
