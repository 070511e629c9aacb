/** Provocations of exporting, importing and erasing. */
import {
  at,
  BY_PROBLEM,
  changed,
  nowhere,
  ofNobody,
  plain,
  well,
  type Provocation,
  type Table,
} from "./provocation.ts";
import { AS_JSON } from "./stage.ts";

/** Of the user who is there and stays there: it is refused before anything is erased. */
const ofSomebody = (name: string): Provocation => {
  const provocation = BY_PROBLEM[name];
  if (provocation === undefined || !("ask" in provocation)) throw new Error(`${name} cannot be asked`);
  return at(provocation.in, (stage, sample, short) =>
    provocation.ask(stage, { ...sample, path: sample.path.replace("nobody", stage.user) }, short),
  );
};

/** A user who is there to be erased. */
const erased = well(async (stage, sample) => {
  const name = stage.fresh("erasable");
  await stage.put(name, "k", "x");
  return stage.ask({ ...sample, path: `/v1/users/${name}` });
});

export const TRANSFER: Table = {
  "exportItems 200": plain,
  "exportItems 404 not-found": ofNobody,

  "importItems 200": plain,
  "importItems 404 not-found": nowhere,
  "importItems 415 unsupported-media-type": changed(() => AS_JSON),

  "eraseUser 202": erased,
  "eraseUser 404 not-found": plain,
  "eraseUser 503 no-leader": ofSomebody("503 no-leader"),
  "eraseUser 503 overloaded": ofSomebody("503 overloaded"),
  "eraseUser 504 outcome-unknown": ofSomebody("504 outcome-unknown"),

  "getErasure 200": well(async (stage, sample, short) => {
    const begun = await erased.ask(stage, { ...sample, method: "DELETE" }, short);
    return stage.ask({ ...sample, path: `/v1/erasures/${String(begun.members["erasure"])}` });
  }),
  "getErasure 400 invalid-request": changed(() => ({ path: "/v1/erasures/%FF" })),
  "getErasure 404 not-found": plain,
};
