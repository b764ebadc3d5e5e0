/**
 * Which web origins may read answers. Browsers send an origin in one spelling only (lower case, punycode, no default
 * port), save that the ids of some extensions are in capitals.
 */
export class Origins {
  /** `undefined`: any origin. */
  readonly patterns: readonly RegExp[] | undefined;

  /** Origins such as `https://app.example`, `capacitor://localhost` and `https://*.example.com`, or `null`. */
  constructor(origins: readonly string[] | undefined) {
    this.patterns = origins?.map(patternOf);
  }

  /** CORS headers of an answer that was made without the HTTP framework. `origin`: what the request said. */
  headersFor(origin: string | undefined): Readonly<Record<string, string>> {
    if (!this.patterns) return { 'Access-Control-Allow-Origin': '*' };
    const allowed = origin !== undefined && this.patterns.some((pattern) => pattern.test(origin));
    return { Vary: 'Origin', ...(allowed && { 'Access-Control-Allow-Origin': origin }) };
  }

  /**
   * Those of a refusal that was made before the whole head of the request was seen. Where the origin stands in another part
   * of it, any may read what is the same for everybody.
   */
  headersOfRefusal(origin: string | undefined): Readonly<Record<string, string>> {
    const unseen = origin === undefined && { 'Access-Control-Allow-Origin': '*' };
    return { ...this.headersFor(origin), ...unseen };
  }
}

/** A leading `*.` of the host stands for one label or several. */
function patternOf(origin: string): RegExp {
  const [scheme = '', host = ''] = origin.split('://*.');
  const source =
    host === '' ? literal(origin) : `${literal(scheme)}://(?:[\\w-]+\\.)+${literal(host)}`;
  return new RegExp(`^${source}$`, 'i');
}

const literal = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
