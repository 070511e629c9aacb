/** `--latency real`, for whatever starts or drills a store. */
import { Option } from "commander";

export function latencyOption() {
  return new Option(
    "--latency <real>",
    "add the time that messages between regions take in the world",
  ).choices(["real"]);
}
