/**
 * What the store was asked to do during a drill, in the units of the platform's bill, out of what its objects say they have
 * cost since they began. An object that began anew counts from 0: what it had done since it was last looked at is not known, so
 * that all of these are at least so many.
 */
import type { CostView, RegionView } from "./watch.ts";

export interface Cost {
  readonly objectRequests: number;
  readonly rowsRead: number;
  readonly rowsWritten: number;
  readonly queueOperations: number;
}

const NOTHING: Cost = { objectRequests: 0, rowsRead: 0, rowsWritten: 0, queueOperations: 0 };

/** `looks`: in order; the first one was before the drill did anything. null: the deployment does not tell. */
export function costOf(looks: readonly (readonly RegionView[])[]): Cost | null {
  const [first = [], ...later] = looks;
  const before = byObject(first);
  if (before.size === 0) return null;
  const last = new Map<string, CostView>();
  for (const look of later) {
    for (const [object, cost] of byObject(look)) {
      // Two looks under way at once may be answered in either order.
      if ((last.get(object)?.requests ?? 0) <= cost.requests) last.set(object, cost);
    }
  }
  return [...last].reduce((sum, [object, cost]) => {
    const begun = before.get(object);
    return {
      objectRequests: sum.objectRequests + cost.requests - (begun?.requests ?? 0),
      rowsRead: sum.rowsRead + cost.rowsRead - (begun?.rowsRead ?? 0),
      rowsWritten: sum.rowsWritten + cost.rowsWritten - (begun?.rowsWritten ?? 0),
      queueOperations: sum.queueOperations + cost.queueOperations - (begun?.queueOperations ?? 0),
    };
  }, NOTHING);
}

/** Each life of an object by itself. */
function byObject(views: readonly RegionView[]): Map<string, CostView> {
  return new Map(
    views.flatMap(({ region, costs }) =>
      costs.map((cost) => [`${region}/${cost.namespace}/${cost.partition} ${cost.since}`, cost]),
    ),
  );
}
