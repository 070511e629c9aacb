/**
 * Makes private fields of the core ordinary ones, in this process and in what it loads from here on: `#x` becomes `$x`. So the
 * explorer can see what a replica has in its memory. No class of the core has both, and none extends another that has fields.
 */
import { registerHooks } from "node:module";

const READ = /\/src\/(?:replication|storage)\/[^/]+\.ts$/u;
const PRIVATE = /(?<=[\s.!(*])#(?=[a-z])/gu;

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (!READ.test(url) || loaded.source === undefined || loaded.source === null) return loaded;
    const text =
      typeof loaded.source === "string" ? loaded.source : Buffer.from(loaded.source as Uint8Array).toString();
    return { ...loaded, source: text.replaceAll(PRIVATE, "$") };
  },
});
