/** The groups that operations are listed in, in the order in which a reader wants to meet them. */

export const TAGS = [
  { name: "items", description: "Values under keys, each with a version: read, write, list." },
  { name: "transactions", description: "Several writes and checks as one: all or nothing." },
  {
    name: "changes",
    description: "What was committed, in order, as a feed: by long poll or over a WebSocket.",
  },
  {
    name: "transfer",
    description: "Everything of a user, out of the store and into it; and erased everywhere.",
  },
  { name: "sinks", description: "Where a namespace sends its committed changes." },
  {
    name: "receipts",
    description: "What became of a write: who holds it, and whether a failover can still lose it.",
  },
  { name: "home", description: "The region in which a user's writes are put in order." },
  { name: "regions", description: "Regions, their logs and their leaders." },
  {
    name: "faults",
    description:
      "Faults for drills: only where the deployment has `DRILLS=on`, and every one ends by itself.",
  },
  { name: "service", description: "What speaks of the service itself. Needs no token." },
  {
    name: "me",
    description:
      "The operations on a user, for the user that the caller's token names: `/v1/me` instead of `/v1/users/{user}`.",
  },
  {
    name: "namespaces",
    description:
      "The operations on a user, in a namespace of its own users and data: `/v1/ns/{ns}/users/{user}` instead of `/v1/users/{user}`, which is the namespace `default`.",
  },
] as const;

export type Tag = (typeof TAGS)[number]["name"];
