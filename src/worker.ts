/**
 * The Worker's entry: requests go to the edge, queue deliveries to the consumer, and the replica's class is exported for
 * the platform to make objects of. One Worker plays every region; which one a request belongs to is for the edge to say.
 */
import type { RegionEnv } from "../durable-objects/region.ts";
import { ObjectTransport } from "../durable-objects/transport.ts";
import { deploymentOf, type Deployment } from "./deployment/deployment.ts";
import { createApp } from "./edge/app.ts";
import { consume } from "./queue/consumer.ts";

export { Region } from "../durable-objects/region.ts";

interface Isolate {
  readonly deployment: Deployment;
  readonly transport: ObjectTransport;
  readonly app: ReturnType<typeof createApp>;
}

/** The edge keeps caches: one of it, for as long as the isolate has this environment. */
const isolates = new WeakMap<object, Isolate>();

function isolateOf(env: RegionEnv): Isolate {
  let isolate = isolates.get(env);
  if (isolate === undefined) {
    const deployment = deploymentOf(env);
    const transport = new ObjectTransport(deployment, env.REGION);
    isolate = { deployment, transport, app: createApp({ deployment, transport }) };
    isolates.set(env, isolate);
  }
  return isolate;
}

export default {
  fetch: (request, env, ctx) => isolateOf(env).app.fetch(request, env, ctx),
  queue: (batch, env) => consume(isolateOf(env), batch),
} satisfies ExportedHandler<RegionEnv>;
