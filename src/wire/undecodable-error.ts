/** The bytes are not what they should be: cut short, garbled, or of something else. Says nothing of what they meant. */
export class UndecodableError extends Error {
  override readonly name = "UndecodableError";
}
