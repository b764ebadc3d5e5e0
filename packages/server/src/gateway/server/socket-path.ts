/** The protocol version of this server, as in paths. */
export const protocolVersion = '0.1';

/** What a request is for, by its path alone. */
export type PathKind =
  /** `/v0.1/socket`. */
  | 'socket'
  /** `/v<anything else>/socket`. */
  | 'unsupported-version'
  | 'other';

/** Classifies a request target, whatever its query, trailing `/` and percent-encoding. */
export function pathKindOf(target: string): PathKind {
  const [first, version, name, ...rest] = pathOf(target).split('/').map(decode);
  if (first !== '' || !version?.startsWith('v') || name !== 'socket') return 'other';
  if (rest.length > 1 || (rest[0] ?? '') !== '') return 'other';
  return version === `v${protocolVersion}` ? 'socket' : 'unsupported-version';
}

/** The path of a request target, also in the absolute form that proxies may send. */
export function pathOf(target: string): string {
  const absolute = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*(.*)$/is.exec(target);
  const relative = absolute ? (absolute[1] ?? '') : target;
  const end = relative.search(/[?#]/);
  return end < 0 ? relative : relative.slice(0, end);
}

function decode(segment: string): string {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
