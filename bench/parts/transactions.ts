/** What a transaction of several writes costs, beside one of those writes alone. */
import type { Figure, Target } from "../figure.ts";
import { contest, type Contest } from "../load/contest.ts";
import {
  fill,
  mixedTransactions,
  onlyUser,
  transactions,
  TRANSACTION_WRITES,
  writes,
} from "../load/requests.ts";
import { startRuntime } from "../runtime/runtime.ts";
import type { Settings } from "./part.ts";

const PART = "transactions";
const MANY = 32;
const TO_PUT: Target = { is: "at most", value: 3 };

export async function transactionCost(settings: Settings): Promise<readonly Figure[]> {
  const runtime = await startRuntime({ dataRoot: settings.data });
  const figures: Figure[] = [];
  try {
    settings.note("filling");
    await fill(runtime, onlyUser);
    const contenders = [
      { name: "put", make: writes(onlyUser) },
      { name: "transaction", make: transactions(onlyUser) },
      { name: "mixed", make: mixedTransactions(onlyUser) },
    ];
    for (const connections of [1, MANY]) {
      const clients = connections === 1 ? "one client" : `${connections} clients`;
      settings.note(`${TRANSACTION_WRITES} writes at once, ${clients}`);
      const result = await contest(runtime, contenders, { ...settings, connections });
      figures.push(...costs(clients, result));
    }
    return figures;
  } finally {
    await runtime.stop();
  }
}

function costs(clients: string, result: Contest): Figure[] {
  const figure = (name: string, value: number, unit: string, target?: Target): Figure => ({
    part: PART,
    name: `${name}, ${clients}`,
    value,
    unit,
    ...(target === undefined ? {} : { target }),
  });
  const detail = Object.fromEntries(
    [...result.scores].map(([name, { perSecond, latencyMs, cpuMicroseconds }]) => [
      name,
      { perSecond, latencyMs, cpuMicroseconds },
    ]),
  );
  const writesAtOnce = `${TRANSACTION_WRITES} writes at once`;
  return [
    {
      ...figure(
        `${writesAtOnce} / one PUT: median latency`,
        result.slower("transaction", "put"),
        "x",
        TO_PUT,
      ),
      detail,
    },
    figure(`${writesAtOnce} / one PUT: time at full load`, result.ratio("put", "transaction"), "x", TO_PUT),
    figure(`${writesAtOnce} / one PUT: processor time`, result.cpuRatio("put", "transaction"), "x"),
    figure("4 puts, 3 merges, 3 adds / one PUT: median latency", result.slower("mixed", "put"), "x"),
    figure("PUT p50", result.score("put").latencyMs.p50, "ms"),
    figure(`${writesAtOnce} p50`, result.score("transaction").latencyMs.p50, "ms"),
    figure(writesAtOnce, result.score("transaction").perSecond, "/s"),
  ];
}
