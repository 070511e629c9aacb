/** Items, one by one and several at a time. */
import {
  EXPIRES_IN,
  ITEM_READ_HEADERS,
  PATH,
  QUERY,
  READ_HEADERS,
  TRANSACTION_HEADERS,
  WRITE_HEADERS,
} from "../parameter.ts";
import type { RouteContract } from "../route-contract.ts";
import { ItemList, MergePatch, ReadManyAnswer, ReadManyRequest } from "../schema/item.ts";
import { Receipt } from "../schema/receipt.ts";
import { TransactionAnswer, TransactionRequest } from "../schema/transaction.ts";
import { READING, WRITING } from "./problem-list.ts";

export const ITEM_ROUTES = {
  listItems: {
    method: "GET",
    path: "/v1/users/{user}/items",
    tag: "items",
    summary: "List items in byte order of their keys",
    parameters: [
      PATH.user,
      QUERY.prefix,
      QUERY.start,
      QUERY.end,
      QUERY.limit,
      QUERY.cursor,
      QUERY.reverse,
      QUERY.values,
      ...READ_HEADERS,
    ],
    answers: { 200: { description: "A page", body: ItemList, data: true } },
    problems: READING,
  },
  getItem: {
    method: "GET",
    path: "/v1/users/{user}/items/{key}",
    tag: "items",
    summary: "Read an item",
    head: "Look at an item without its value",
    parameters: [PATH.user, PATH.key, ...ITEM_READ_HEADERS],
    answers: {
      200: {
        description: "The stored bytes with their content type",
        body: "bytes",
        data: true,
        headers: ["ETag", "X-Content-Type-Options", "Content-Security-Policy"],
      },
      304: { description: "The client has this version already", data: true, headers: ["ETag"] },
    },
    problems: [...READING, "precondition-failed"],
  },
  putItem: {
    method: "PUT",
    path: "/v1/users/{user}/items/{key}",
    tag: "items",
    summary: "Create or replace an item",
    parameters: [PATH.user, PATH.key, EXPIRES_IN, ...WRITE_HEADERS],
    request: "bytes",
    answers: {
      200: { description: "Replaced", body: Receipt, data: true, headers: ["ETag"] },
      201: { description: "Created", body: Receipt, data: true, headers: ["ETag"] },
    },
    problems: [...WRITING, "value-too-large"],
  },
  patchItem: {
    method: "PATCH",
    path: "/v1/users/{user}/items/{key}",
    tag: "items",
    summary:
      "Change members of a JSON item and leave the others as they are; its content type and expiry stay",
    parameters: [PATH.user, PATH.key, ...WRITE_HEADERS],
    request: MergePatch,
    requestType: "application/merge-patch+json",
    answers: { 200: { description: "Merged", body: Receipt, data: true, headers: ["ETag"] } },
    problems: [...WRITING, "value-too-large", "unsupported-media-type", "not-json"],
  },
  deleteItem: {
    method: "DELETE",
    path: "/v1/users/{user}/items/{key}",
    tag: "items",
    summary: "Delete an item",
    parameters: [PATH.user, PATH.key, ...WRITE_HEADERS],
    answers: { 200: { description: "Deleted", body: Receipt, data: true } },
    problems: WRITING,
  },
  transact: {
    method: "POST",
    path: "/v1/users/{user}/transactions",
    tag: "transactions",
    summary: "Check versions and write several items of a user, all or nothing",
    parameters: [PATH.user, ...TRANSACTION_HEADERS],
    request: TransactionRequest,
    answers: { 200: { description: "Done", body: TransactionAnswer, data: true } },
    problems: [
      ...WRITING.filter((name) => name !== "precondition-failed"),
      "check-failed",
      "not-json",
      "not-a-counter",
      "counter-overflow",
      "transaction-too-large",
    ],
  },
  readMany: {
    method: "POST",
    path: "/v1/read",
    tag: "items",
    summary: "Read up to 100 items, of any users, as one causally consistent cut",
    parameters: READ_HEADERS,
    request: ReadManyRequest,
    answers: {
      200: {
        description: "The items, in the order asked",
        body: ReadManyAnswer,
        data: true,
      },
    },
    problems: [...READING, "answer-too-large"],
  },
} as const satisfies Record<string, RouteContract>;
