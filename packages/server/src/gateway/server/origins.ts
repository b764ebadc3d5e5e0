/**
 * Decides which web origins may read responses. Browsers send origins in one spelling only (lower
 * case, punycode, no default port), except that some extension ids are in capitals.
 */
export class Origins {
  /** `undefined`: any origin. */
  readonly patterns: readonly RegExp[] | undefined;

  /** Such as `https://app.example`, `capacitor://localhost`, `https://*.example.com` or `null`. */
  constructor(origins: readonly string[] | undefined) {
    this.patterns = origins?.map(patternOf);
  }

  /** CORS headers of a response made without the HTTP framework. `origin`: the request's header. */
  headersFor(origin: string | undefined): Readonly<Record<string, string>> {
    if (!this.patterns) return { 'Access-Control-Allow-Origin': '*' };
    const allowed = origin !== undefined && this.patterns.some((pattern) => pattern.test(origin));
    return { Vary: 'Origin', ...(allowed && { 'Access-Control-Allow-Origin': origin }) };
  }

  /**
   * CORS headers of a refusal before the whole request head was read. If the origin is in the
   * unread part, any may read the response, which is the same for everybody.
   */
  headersOfRefusal(origin: string | undefined): Readonly<Record<string, string>> {
    const unseen = origin === undefined && { 'Access-Control-Allow-Origin': '*' };
    return { ...this.headersFor(origin), ...unseen };
  }
}

/** A leading `*.` of the host matches one or more labels. */
function patternOf(origin: string): RegExp {
  const [scheme = '', host = ''] = origin.split('://*.');
  const source =
    host === '' ? literal(origin) : `${literal(scheme)}://(?:[\\w-]+\\.)+${literal(host)}`;
  return new RegExp(`^${source}$`, 'i');
}

const literal = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
