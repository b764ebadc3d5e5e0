/** A webhook that the app configures. */
export interface WebhookEndpoint {
  /** Letters, digits, `_` and `-`: part of an R. */
  readonly name: string;
  /** `http:` or `https:`. */
  readonly url: string;
  /** Signs its messages: `whsec_` and base64, or any other text. Without it they are not signed. */
  readonly secret?: string | undefined;
  /** Names of events, `order.*` for a prefix; `undefined` for all. */
  readonly events?: readonly string[] | undefined;
}

export function wants({ events }: WebhookEndpoint, name: string): boolean {
  if (events === undefined) return true;
  return events.some((pattern) => {
    return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
  });
}
