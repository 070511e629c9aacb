/** Provocations of homes, regions, faults, and of what speaks of the service. */
import {
  at,
  body,
  nowhere,
  ofNewcomers,
  ofNobody,
  path,
  plain,
  well,
  type Table,
  type Unprovoked,
} from "./provocation.ts";
import { AS_JSON } from "./stage.ts";

const WITHOUT_DRILLS = well((stage, sample) => stage.askWithoutDrills(sample));
const PAST_ALL_FAULTS: Unprovoked = {
  because: "faults are set past all faults: only the platform can keep a replica from hearing of one",
};

export const CONTROL: Table = {
  "getHome 200": plain,
  "getHome 404 not-found": ofNobody,
  "getHome 503 no-leader": ofNewcomers("unled", 503),

  "putHome 200": plain,
  "putHome 404 not-found": nowhere,
  "putHome 503 no-leader": ofNewcomers("unled", 503),
  "putHome 504 outcome-unknown": ofNewcomers("stalled", 504),

  "listRegions 200": plain,

  "putLeader 200": plain,
  "putLeader 400 invalid-request": body('{"to":"mars"}'),
  "putLeader 404 not-found": path((at) => at.replace("weur", "mars")),
  "putLeader 503 handoff-incomplete": at("unled", (stage, sample, short) => stage.ask(sample, short)),

  "previewFailover 200": plain,
  "previewFailover 404 not-found": path((at) => at.replace("weur", "mars")),

  "putFault 200": well((stage, sample) => stage.askAs("admin", sample)),
  "putFault 400 invalid-request": body('{"kind":"flood"}'),
  "putFault 404 not-found": WITHOUT_DRILLS,
  "putFault 503 region-unavailable": PAST_ALL_FAULTS,
  "listFaults 200": plain,
  "listFaults 404 not-found": WITHOUT_DRILLS,
  "listFaults 503 region-unavailable": PAST_ALL_FAULTS,
  "endFaults 200": well((stage, sample) => stage.askAs("admin", sample)),
  "endFaults 404 not-found": WITHOUT_DRILLS,
  "endFaults 503 region-unavailable": PAST_ALL_FAULTS,
  "endFault 200": well(async (stage, sample) => {
    const fault = { kind: "delay", region: "enam", peer: "apac", ms: 1, forMs: 60_000 };
    const set = await stage.ask({ method: "PUT", path: "/v1/faults", body: JSON.stringify(fault) }, AS_JSON);
    return stage.ask({ ...sample, path: sample.path.replace("none", String(set.members["id"])) });
  }),
  "endFault 404 not-found": plain,
  "endFault 503 region-unavailable": PAST_ALL_FAULTS,

  "health 200": plain,
  "metrics 200": plain,
  "openApi 200": plain,
  "docs 200": plain,
  "listProblems 200": plain,
  "getProblem 200": plain,
  "getProblem 404 not-found": path((at) => at.replace("not-found", "no-such-problem")),
};
