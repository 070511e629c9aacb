/** Which function serves which route. Total: a route that is declared and not served does not compile. */
import type { PathForm } from "../api/path-form.ts";
import type { RouteId } from "../api/route.ts";
import type { Exchange } from "./exchange.ts";
import { listChanges } from "./routes/changes.ts";
import { listDivergent, settleDivergent } from "./routes/divergent.ts";
import { previewFailover } from "./routes/failover-preview.ts";
import { endFault, endFaults, listFaults, putFault } from "./routes/fault.ts";
import { eraseUser, getErasure } from "./routes/erasure.ts";
import { exportItems } from "./routes/export.ts";
import { getHome, putHome } from "./routes/home.ts";
import { importItems } from "./routes/import.ts";
import { deleteItem, getItem, patchItem, putItem } from "./routes/item.ts";
import { listItems } from "./routes/list.ts";
import { readMany } from "./routes/read.ts";
import { openLive } from "./routes/live.ts";
import { putLeader } from "./routes/leader.ts";
import { getReceipt } from "./routes/receipt.ts";
import { listRegions } from "./routes/region.ts";
import { createTicket } from "./routes/ticket.ts";
import { docs, getProblem, health, listProblems, metrics, openApi } from "./routes/service.ts";
import { controlSink, listSinks } from "./routes/sink.ts";
import { transact } from "./routes/transaction.ts";

export type Handler = (exchange: Exchange, form: PathForm) => Response | Promise<Response>;

export const HANDLERS: Readonly<Record<RouteId, Handler>> = {
  listItems,
  getItem,
  putItem,
  patchItem,
  deleteItem,
  transact,
  readMany,
  listChanges,
  openLive,
  createTicket,
  eraseUser,
  getErasure,
  exportItems,
  importItems,
  getReceipt,
  listDivergent,
  settleDivergent,
  getHome,
  putHome,
  listRegions,
  putLeader,
  previewFailover,
  listSinks,
  controlSink,
  putFault,
  listFaults,
  endFaults,
  endFault,
  health,
  metrics,
  openApi,
  docs,
  listProblems,
  getProblem,
};
