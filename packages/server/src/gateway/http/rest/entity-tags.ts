import { fail } from '@really/protocol';
import type { AcceptedRev, AcceptedRevs } from '../../../commands/write/accepted-revs.js';

/**
 * What servers and proxies that compress append to an ETag: `"5-gzip"` (Apache), `"5;br"`, `"5--gzip"` (Jetty). The second pattern takes one
 * dash more: a tag of ours may end with one, so either may be right.
 */
const codingSuffixes = [
  /[-;](?:x-)?(?:gzip|br|brotli|deflate|zstd)$/i,
  /--(?:x-)?(?:gzip|br|brotli|deflate|zstd)$/i,
];

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
  return tagsIn(header).some((tag) => {
    const said = opaqueOf(tag);
    return tag === '*' || (said !== undefined && withoutCoding(said).includes(current));
  });
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
  for (const said of withoutCoding(opaqueOf(tag) ?? '')) {
    const [, rev, epoch] = revisionTag.exec(said) ?? [];
    if (rev !== undefined) return { rev: Number(rev), epoch };
  }
  throw fail.invalid('If-Match', 'expected.revision');
}

/** `5` of `5`, `"5"` and `W/"5"`. `undefined` where the quotes do not match. */
function opaqueOf(tag: string): string | undefined {
  return /^(?:W\/)?("?)([^"]*)\1$/.exec(tag)?.[2];
}

/** The tag as it came, and what it may have been before it was compressed. */
function withoutCoding(tag: string): string[] {
  return [tag, ...codingSuffixes.map((suffix) => tag.replace(suffix, ''))];
}
