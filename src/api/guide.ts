/** What a reader has to know before any single operation, in the order of need. Markdown; part of the OpenAPI document. */

export interface Chapter {
  readonly title: string;
  readonly text: string;
}

export const GUIDE: readonly Chapter[] = [
  {
    title: "Ithaca",
    text: `A multi-region replicated store in which every user has a home region.`,
  },
];
