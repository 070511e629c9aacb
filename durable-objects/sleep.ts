/** Waits for a timer of so many ms; of 0 too, which lets the clock go on. */
export async function sleep(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}
