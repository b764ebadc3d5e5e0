import { fail } from '@really/protocol';
import type { AcceptedRev, AcceptedRevs } from '../commands/accepted-revs.js';

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
export function isKnown(header: string | undefined, current: string): boolean {
  if (header === undefined) return false;
  return tagsIn(header).some((tag) => tag === '*' || opaqueOf(tag) === current);
}

/** The parts of a list; empty ones do not count (RFC 9110, section 5.6.1.2). No ETag of ours has a comma in it. */
function tagsIn(header: string): string[] {
  return header
    .split(',')
    .map((tag) => tag.trim())
    .filter((tag) => tag !== '');
}

/** The ETag of an object, without its quotes: which revision it is, of which store, and under which view it was seen. */
export function objectTag(rev: number, { epoch, view }: { epoch: string; view: string }): string {
  return `${rev}-${epoch}-${view}`;
}

/** A revision, bare or in what `objectTag` made. */
const revisionTag = /^([1-9]\d{0,14})(?:-([0-9a-f]{16})(?:-[\w-]*)?)?$/;

function revisionOf(tag: string): AcceptedRev {
  const [, rev, epoch] = revisionTag.exec(opaqueOf(tag) ?? '') ?? [];
  if (rev === undefined) throw fail.invalid('If-Match', 'expected.revision');
  return { rev: Number(rev), epoch };
}

/** `5` of `5`, `"5"`, `W/"5"` and `"5-gzip"`. `undefined` where the quotes do not match. */
function opaqueOf(tag: string): string | undefined {
  const match = /^(?:W\/)?("?)([^"]*)\1$/.exec(tag);
  return match?.[2]?.replace(codingSuffix, '');
}
