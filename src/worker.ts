/**
 * The Worker's entry: requests go to the edge, queue deliveries to the consumer, cron visits to who needs them, and the replica's class is exported for
 * the platform to make objects of. One Worker plays every region; which one a request belongs to is for the edge to say.
 */
import type { RegionEnv } from "../durable-objects/region.ts";
import { ObjectTransport } from "../durable-objects/transport.ts";
import { visitWhoNeedsIt } from "./cron/visits.ts";
import { deploymentOf } from "./deployment/deployment.ts";
import { ConfigurationError } from "./deployment/setting.ts";
import { createApp, createMisconfiguredApp } from "./edge/app.ts";
import { consume } from "./queue/consumer.ts";

export { Region } from "../durable-objects/region.ts";

type App = ReturnType<typeof createApp>;

/** The edge keeps caches: there is one of it for as long as the isolate has this environment. */
const apps = new WeakMap<RegionEnv, App>();

function appOf(env: RegionEnv): App {
  let app = apps.get(env);
  if (app === undefined) {
    app = newApp(env);
    apps.set(env, app);
  }
  return app;
}

function newApp(env: RegionEnv): App {
  try {
    const deployment = deploymentOf(env);
    return createApp({ deployment, transport: new ObjectTransport(deployment, env.REGION) });
  } catch (error) {
    if (error instanceof ConfigurationError) return createMisconfiguredApp(error.message);
    throw error;
  }
}

export default {
  fetch: (request, env, ctx) => appOf(env).fetch(request, env, ctx),
  queue: (batch, env) => {
    const deployment = deploymentOf(env);
    return consume({ deployment, transport: new ObjectTransport(deployment, env.REGION) }, batch);
  },
  scheduled: async (_controller, env) => {
    const deployment = deploymentOf(env);
    await visitWhoNeedsIt({ deployment, transport: new ObjectTransport(deployment, env.REGION) });
  },
} satisfies ExportedHandler<RegionEnv>;
