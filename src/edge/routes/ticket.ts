/** Tickets for clients that cannot send headers. */
import { ROUTES } from "../../api/route.ts";
import { pathForms, type PathForm } from "../../api/path-form.ts";
import { TicketRequest } from "../../api/schema/change.ts";
import type { Ticket } from "../../wire/ticket-codec.ts";
import { readJson } from "../body.ts";
import type { Exchange } from "../exchange.ts";
import { mayList } from "../identity.ts";
import { jsonAnswer } from "../json-answer.ts";
import { invalid, Refused } from "../refusal.ts";

/** Paths that tickets are for, with what each opens. */
const PATHS = (["changes", "live"] as const).flatMap((opens) =>
  pathForms(ROUTES[opens === "live" ? "openLive" : "listChanges"].path).map(({ path, form }) => ({
    opens,
    form,
    pattern: new RegExp(`^${path.replaceAll(/\{\w+\}/g, "[^/?#]+")}$`),
  })),
);

export async function createTicket(exchange: Exchange): Promise<Response> {
  const identity = await exchange.identify();
  const parsed = TicketRequest.safeParse(await readJson(exchange.request));
  if (!parsed.success) throw invalid('the body has to be {"path": "/v1/users/<user>/live"}');
  const { opens, form } = openedBy(parsed.data.path);
  const { namespace, user } = exchange.addressAs(identity, parsed.data.path, form);
  if (!mayList(identity, user, ""))
    throw new Refused("forbidden", "this user's changes are not yours to read");
  const { edge, startedAt } = exchange;
  const ticket = edge.tickets.issue({ namespace, user, opens, region: exchange.placed() }, startedAt);
  return jsonAnswer(exchange, { ticket });
}

function openedBy(path: string): { opens: Ticket["opens"]; form: PathForm } {
  const found = PATHS.find(({ pattern }) => pattern.test(path));
  if (found === undefined)
    throw invalid("path has to be the path of a live feed or of changes, without a query");
  return found;
}
