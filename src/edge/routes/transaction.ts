/** Several items of one user, all or nothing. */
import { HEADER } from "../../api/header.ts";
import type { PathForm } from "../../api/path-form.ts";
import type { ItemCommand, WriteResult } from "../../replication/request.ts";
import { readTransactionBody } from "../body.ts";
import type { Addressed, Exchange } from "../exchange.ts";
import { mayReadKey, mayWrite } from "../identity.ts";
import { positionText } from "../position-text.ts";
import { invalid, Refused } from "../refusal.ts";
import type { RegionTable } from "../region-table.ts";
import { parseTransaction } from "../transaction-body.ts";
import { beginWrite, write, writeTerms } from "../write.ts";
import { writtenAnswer } from "../written-answer.ts";

/** They speak of one item; the body says the same of many, and of those alone. */
const NOT_HERE = [HEADER.ifMatch, HEADER.ifNoneMatch, HEADER.expiresIn] as const;

export async function transact(exchange: Exchange, form: PathForm): Promise<Response> {
  const subject = await exchange.address(form);
  if (!mayWrite(subject.identity, subject.user))
    throw new Refused("forbidden", "this user's data is not yours to write");
  const misplaced = NOT_HERE.find((name) => exchange.header(name) !== null);
  if (misplaced !== undefined) throw invalid(`${misplaced} does not apply to a transaction`);
  const terms = writeTerms(exchange, subject.namespace);
  const journey = beginWrite(exchange, subject);
  const body = await readTransactionBody(exchange.request);
  const { regions } = exchange.edge;
  const command = parseTransaction(regions, body);
  const outcome = await write(exchange, journey, terms, {
    identity: subject.identity,
    command,
    digested: [body],
  });
  const results = (told: readonly WriteResult[] | undefined): string => {
    if (outcome.kind !== "written") return "[]";
    const { version } = outcome.receipt;
    const texts = command.writes.map((each, n) =>
      resultText(regions, subject, each, told?.[n] ?? { version }),
    );
    return `[${texts.join(",")}]`;
  };
  return writtenAnswer(exchange, journey, terms, outcome, { tag: false, results });
}

/** Written by hand: merged JSON stands in it as it is stored. */
function resultText(
  regions: RegionTable,
  { identity, user }: Addressed,
  { kind, key }: ItemCommand,
  { version, value }: WriteResult,
): string {
  const fixed = `"version":${JSON.stringify(positionText(regions, version))}`;
  // Whoever may write and not read is not told what was there.
  if (value === undefined || !mayReadKey(identity, user, key)) return `{${fixed}}`;
  const text = new TextDecoder().decode(value);
  return `{${fixed},"value":${kind === "add" ? JSON.stringify(text) : text}}`;
}
