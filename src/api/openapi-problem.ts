/** The answers of an operation that refuse: by status, with a schema and an example of each problem. */
import type { Components, Json, Reference } from "./openapi-components.ts";
import { PROBLEM_CONTENT_TYPE, PROBLEMS, type ProblemName } from "./problem.ts";
import { problemSchema } from "./problem-schema.ts";
import { problemHeaders } from "./response-header.ts";
import type { RouteContract } from "./route-contract.ts";
import { Problem } from "./schema/service.ts";

/** What every request can meet, whatever it asks for. */
const ALWAYS_POSSIBLE: readonly ProblemName[] = ["internal"];

/** By status: one answer for all the problems that share one. */
export function problemsOf(components: Components, route: RouteContract): Json {
  const byStatus = new Map<number, ProblemName[]>();
  for (const name of new Set([...route.problems, ...ALWAYS_POSSIBLE])) {
    const { status } = PROBLEMS[name];
    byStatus.set(status, [...(byStatus.get(status) ?? []), name]);
  }
  const data =
    route.path.includes("{user}") || Object.values(route.answers).some(({ data }) => data === true);
  const statuses = [...byStatus].toSorted(([a], [b]) => a - b);
  return {
    ...Object.fromEntries(
      statuses.map(([status, names]) => [
        status,
        problemAnswerOf(components, route, { status, names, data }),
      ]),
    ),
    default: components.refer("responses", "problem", () => ({
      description: "Any other problem: its `type` leads to a page that explains it",
      headers: components.headers(problemHeaders(500, false)),
      content: { [PROBLEM_CONTENT_TYPE]: { schema: components.schema(Problem) } },
    })),
  };
}

function problemAnswerOf(
  components: Components,
  { problemMembers }: RouteContract,
  answer: { readonly status: number; readonly names: readonly ProblemName[]; readonly data: boolean },
): Reference {
  const { status, names, data } = answer;
  const parts = [data ? "data" : "problem", status, ...names.toSorted()];
  const key = [...parts, ...(problemMembers === undefined ? [] : [problemMembers.suffix])].join(".");
  return components.refer("responses", key, () => {
    const [only, ...others] = names.map((name) => components.schema(problemSchema(name, problemMembers)));
    return {
      description: names
        .map((name) => `[\`${name}\`](/problems/${name}): ${PROBLEMS[name].title}`)
        .join("; "),
      headers: components.headers(problemHeaders(status, data)),
      content: {
        [PROBLEM_CONTENT_TYPE]: {
          schema: others.length === 0 ? only : { oneOf: [only, ...others] },
          examples: Object.fromEntries(names.map((name) => [name, components.problemExample(name)])),
        },
      },
    };
  });
}
