/** An item as answers show it. */
import type { ItemView } from "./request.ts";
import type { StoredItem } from "./storage.ts";

export function viewOf(item: StoredItem, withValue: boolean): ItemView {
  return {
    key: item.key,
    version: { o: item.o, e: item.e, s: item.s },
    contentType: item.contentType,
    size: item.size,
    expiresAt: item.expiresAt,
    ...(withValue ? { value: item.value } : {}),
  };
}
