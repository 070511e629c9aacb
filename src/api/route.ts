/**
 * The routes of the surface, declared once with their schemas.
 *
 * The edge registers them with the router and has to supply a handler for each (a total record: a route without a
 * handler does not compile); the OpenAPI document is generated out of the same list. Nothing of a declaration is looked
 * at while a request is served. One file for each resource; their order here is the document's.
 */
import { CHANGE_ROUTES } from "./route/change.ts";
import { FAULT_ROUTES } from "./route/fault.ts";
import { HOME_ROUTES } from "./route/home.ts";
import { ITEM_ROUTES } from "./route/item.ts";
import { RECEIPT_ROUTES } from "./route/receipt.ts";
import { REGION_ROUTES } from "./route/region.ts";
import { SERVICE_ROUTES } from "./route/service.ts";
import { SINK_ROUTES } from "./route/sink.ts";
import { TRANSFER_ROUTES } from "./route/transfer.ts";

export const ROUTES = {
  ...ITEM_ROUTES,
  ...CHANGE_ROUTES,
  ...TRANSFER_ROUTES,
  ...RECEIPT_ROUTES,
  ...HOME_ROUTES,
  ...REGION_ROUTES,
  ...SINK_ROUTES,
  ...FAULT_ROUTES,
  ...SERVICE_ROUTES,
};

export type RouteId = keyof typeof ROUTES;
