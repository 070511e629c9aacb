/** Names of users who are erased in a run. */
const PREFIX = "leaver-";

export function leaverName(index: number): string {
  return `${PREFIX}${index}`;
}

export function isLeaver(user: string): boolean {
  return user.startsWith(PREFIX);
}
