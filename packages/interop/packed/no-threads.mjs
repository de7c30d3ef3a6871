// Loaded first: from here on `new Worker` throws, as at a container's limit of processes.
import { syncBuiltinESMExports } from "node:module";
import threads from "node:worker_threads";

threads.Worker = function Worker() {
  throw Object.assign(new Error("Worker initialization failure: EAGAIN"), { code: "ERR_WORKER_INIT_FAILED" });
};
syncBuiltinESMExports();
