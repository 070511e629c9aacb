import { expect, test } from "vitest";
import {
  addressee,
  objectName,
  parseObjectName,
  UnknownReplica,
} from "../../durable-objects/replica-name.ts";
import { APAC, deployment, ENAM, replica } from "./asking.ts";

test("an object's name says who it is", () => {
  expect(objectName(deployment, replica(3, APAC))).toBe("default/3/apac");
  expect(parseObjectName(deployment, "default/3/apac")).toEqual(replica(3, APAC));
});

test.each([
  "",
  "default",
  "default/3",
  "default/99/apac",
  "default/-1/apac",
  "default//apac",
  "default/3/mars",
  "other/3/apac",
  "default/3/apac/",
])("%j is no replica of this deployment", (name) => {
  expect(() => parseObjectName(deployment, name)).toThrow(UnknownReplica);
});

test("a message finds its replica only where the deployment has one", () => {
  expect(addressee(deployment, { namespace: "default", partition: 3, to: ENAM })).toEqual(replica(3, ENAM));
  expect(addressee(deployment, { namespace: "default", partition: 16, to: ENAM })).toBeNull();
  expect(addressee(deployment, { namespace: "default", partition: 3, to: 9 })).toBeNull();
  expect(addressee(deployment, { namespace: "gone", partition: 3, to: ENAM })).toBeNull();
});
