/**
 * What should not have happened, for whoever runs the deployment: one structured line, and a count.
 *
 * The world's ordinary failures (a region that does not answer, a busy object) are no incidents; the core reckons with
 * them. A repeated incident is written down each time its count has doubled, so that a loop cannot drown the log.
 */
export type IncidentName =
  | "turn-failed"
  | "storage-failed"
  | "alarm-failed"
  | "call-failed"
  | "message-unreadable"
  | "answer-unreadable"
  | "message-oversize"
  | "queue-refused"
  | "sink-unreachable"
  | "pending-overflow"
  | "dead-letter"
  | "delivery-failed"
  | "progress-failed"
  | "visit-failed"
  | "attention-unnoted";

const counts = new Map<IncidentName, number>();

export function reportIncident(incident: IncidentName, where: string, error: unknown): void {
  const count = (counts.get(incident) ?? 0) + 1;
  counts.set(incident, count);
  if ((count & (count - 1)) !== 0) return;
  const { message, stack } = error instanceof Error ? error : { message: String(error), stack: undefined };
  // oxlint-disable-next-line no-console -- the platform's log is where incidents go
  console.error(JSON.stringify({ incident, where, count, message, stack }));
}
