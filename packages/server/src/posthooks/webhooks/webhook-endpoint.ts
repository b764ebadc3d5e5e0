/** A webhook that the app configures. */
export interface WebhookEndpoint {
  /** Of letters, digits, `_` and `-`: part of an R. */
  readonly name: string;
  /** `http:` or `https:`. */
  readonly url: string;
  /** What its messages are signed with: `whsec_` and base64, or any other text. They are not signed where there is none. */
  readonly secret?: string | undefined;
  /** Names of events, `order.*` for all that begin so; `undefined` for all. */
  readonly events?: readonly string[] | undefined;
}

export function wants({ events }: WebhookEndpoint, name: string): boolean {
  if (events === undefined) return true;
  return events.some((pattern) => {
    return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
  });
}
