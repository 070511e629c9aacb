/** Faults for drills. */
import { PATH } from "../parameter.ts";
import type { ProblemName } from "../problem.ts";
import type { RouteContract } from "../route-contract.ts";
import { Fault, FaultList, FaultRequest, FaultsEnded } from "../schema/fault.ts";

/** Faults go to the replicas past everything that could refuse a request of data. */
const FAULTS: readonly ProblemName[] = ["unauthenticated", "forbidden", "not-found", "region-unavailable"];

export const FAULT_ROUTES = {
  putFault: {
    method: "PUT",
    path: "/v1/faults",
    tag: "faults",
    summary: "Set a fault, where drills are on",
    parameters: [],
    request: FaultRequest,
    answers: { 200: { description: "The fault", body: Fault } },
    problems: [...FAULTS, "invalid-request"],
    admin: true,
  },
  listFaults: {
    method: "GET",
    path: "/v1/faults",
    tag: "faults",
    summary: "Faults that are in force",
    parameters: [],
    answers: { 200: { description: "The faults", body: FaultList } },
    problems: FAULTS,
    admin: true,
  },
  endFaults: {
    method: "DELETE",
    path: "/v1/faults",
    tag: "faults",
    summary: "End all faults",
    parameters: [],
    answers: { 200: { description: "Which were ended", body: FaultsEnded } },
    problems: FAULTS,
    admin: true,
  },
  endFault: {
    method: "DELETE",
    path: "/v1/faults/{id}",
    tag: "faults",
    summary: "End one fault",
    parameters: [PATH.fault],
    answers: { 200: { description: "Which was ended", body: FaultsEnded } },
    problems: FAULTS,
    admin: true,
  },
} as const satisfies Record<string, RouteContract>;
