import { fail } from '@really/protocol';
import type { AcceptedRevs } from '../commands/accepted-revs.js';

/** What servers and proxies that compress append to an ETag: `"5-gzip"` (Apache), `"5--gzip"` (Jetty), `"5;br"`. */
const codingSuffix = /(?:--?|;)(?:x-)?(?:gzip|br|brotli|deflate|zstd)$/i;

/**
 * The revisions that an `If-Match` names: bare, as the ETag came, or as a proxy changed it; `any` for `*`. `undefined` where
 * there is no such header. Throws 400.
 */
export function revisionsIn(header: string | undefined): AcceptedRevs | undefined {
  if (header === undefined) return undefined;
  const tags = tagsIn(header);
  if (tags.length === 1 && tags[0] === '*') return 'any';
  const revs = tags.map(revisionOf);
  if (revs.length === 0) throw fail.invalid('If-Match', 'expected.revision');
  return revs;
}

/** Whether a client that has what `If-None-Match` names has the current one (RFC 9110, section 13.1.2). */
export function isKnown(header: string | undefined, current: string | number): boolean {
  if (header === undefined) return false;
  return tagsIn(header).some((tag) => tag === '*' || opaqueOf(tag) === String(current));
}

/** The parts of a list; empty ones do not count (RFC 9110, section 5.6.1.2). No ETag of ours has a comma in it. */
function tagsIn(header: string): string[] {
  return header
    .split(',')
    .map((tag) => tag.trim())
    .filter((tag) => tag !== '');
}

function revisionOf(tag: string): number {
  const rev = opaqueOf(tag) ?? '';
  if (!/^[1-9]\d{0,14}$/.test(rev)) throw fail.invalid('If-Match', 'expected.revision');
  return Number(rev);
}

/** `5` of `5`, `"5"`, `W/"5"` and `"5-gzip"`. `undefined` where the quotes do not match. */
function opaqueOf(tag: string): string | undefined {
  const match = /^(?:W\/)?("?)([^"]*)\1$/.exec(tag);
  return match?.[2]?.replace(codingSuffix, '');
}
