/** The values and patches that a write brings along, which may be large: what they weigh while it waits, and the write without them. */
import type { Command, WriteRequest } from "./request.ts";

const NO_BYTES = new Uint8Array(0);

/** Bytes of values and patches that wait to be logged. */
export function payloadBytes(command: Command): number {
  switch (command.kind) {
    case "put":
      return command.value.length;
    case "merge":
      return command.patch.length;
    case "import":
      return command.items.reduce((sum, { key, value }) => sum + key.length + value.length, 0);
    case "transaction": {
      const keys = [...command.checks, ...command.writes].reduce((sum, { key }) => sum + key.length, 0);
      return command.writes.reduce((sum, write) => sum + payloadBytes(write), keys);
    }
    default:
      return 0;
  }
}

/** What is in the log needs not be kept beside it while its concern is waited for. */
export function withoutPayload(request: WriteRequest): WriteRequest {
  return { ...request, command: emptied(request.command) };
}

function emptied(command: Command): Command {
  switch (command.kind) {
    case "put":
      return { ...command, value: NO_BYTES };
    case "merge":
      return { ...command, patch: NO_BYTES };
    case "transaction":
      return { ...command, checks: [], writes: [] };
    case "import":
      return { ...command, items: [] };
    default:
      return command;
  }
}
