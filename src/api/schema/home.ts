/** The home of a user. */
import { z } from "zod";
import { Count, Region } from "./scalar.ts";

export const HomeRequest = z.strictObject({ region: Region }).meta({ id: "HomeRequest" });

export const Home = z
  .object({ user: z.string(), home: Region, leader: Region, epoch: Count, partition: z.int() })
  .meta({ id: "Home" });
