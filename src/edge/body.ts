/** Bodies of requests, read up to a limit: a body that is too large is refused before it is read, or while. */
import { CONTROL_BODY_BYTES_MAX, TRANSACTION_BYTES_MAX, VALUE_BYTES_MAX } from "../api/limit.ts";
import { invalid, Refused } from "./refusal.ts";

export async function readValue(request: Request): Promise<Uint8Array> {
  const bytes = await readUpTo(request, VALUE_BYTES_MAX);
  if (bytes === null)
    throw new Refused("value-too-large", `the value is larger than ${VALUE_BYTES_MAX} bytes`);
  return bytes;
}

export async function readPatchBody(request: Request): Promise<Uint8Array> {
  const bytes = await readUpTo(request, VALUE_BYTES_MAX);
  if (bytes === null)
    throw new Refused("value-too-large", `the patch is larger than ${VALUE_BYTES_MAX} bytes`);
  return bytes;
}

export async function readTransactionBody(request: Request): Promise<Uint8Array> {
  const bytes = await readUpTo(request, TRANSACTION_BYTES_MAX);
  if (bytes === null)
    throw new Refused("transaction-too-large", `the body is larger than ${TRANSACTION_BYTES_MAX} bytes`);
  return bytes;
}

/** The JSON bodies of requests that control something, and, with a bound of its own, of one that names what to read. */
export async function readJson(request: Request, bytesMax = CONTROL_BODY_BYTES_MAX): Promise<unknown> {
  const bytes = await readUpTo(request, bytesMax);
  if (bytes === null) throw invalid(`the body is larger than ${bytesMax} bytes`);
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes));
  } catch {
    throw invalid("the body is not JSON in UTF-8");
  }
}

/** Null: longer than that. */
async function readUpTo(request: Request, bytesMax: number): Promise<Uint8Array | null> {
  const declared = request.headers.get("Content-Length");
  if (declared !== null) {
    if (Number(declared) > bytesMax) return null;
    // HTTP ends the body there: it can be read in one piece.
    const bytes = new Uint8Array(await request.arrayBuffer());
    return bytes.byteLength > bytesMax ? null : bytes;
  }
  if (request.body === null) return new Uint8Array(0);
  return readStream(request.body, bytesMax);
}

async function readStream(body: ReadableStream<Uint8Array>, bytesMax: number): Promise<Uint8Array | null> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.byteLength;
    if (length > bytesMax) {
      await reader.cancel();
      return null;
    }
    chunks.push(value);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return bytes;
}
