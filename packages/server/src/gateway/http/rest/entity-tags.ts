import { fail } from '@really/protocol';
import type { AcceptedRev, AcceptedRevs } from '../../../commands/write/accepted-revs.js';

/**
 * Suffixes that compressing servers and proxies append to an ETag: `"5-gzip"` (Apache), `"5;br"`,
 * `"5--gzip"` (Jetty). Our own tags may end with a dash, so both patterns have to be tried.
 */
const codingSuffixes = [
  /[-;](?:x-)?(?:gzip|br|brotli|deflate|zstd)$/i,
  /--(?:x-)?(?:gzip|br|brotli|deflate|zstd)$/i,
];

/** Tags of a header: each is compared in several ways, in one go. */
const maxTags = 64;

/**
 * The revisions that an `If-Match` names: bare, as an ETag, or as an ETag changed by a proxy; `any`
 * for `*`. `undefined` without the header. Throws 400.
 */
export function revisionsIn(header: string | undefined): AcceptedRevs | undefined {
  if (header === undefined) return undefined;
  const tags = tagsIn('If-Match', header);
  if (tags.length === 1 && tags[0] === '*') return 'any';
  const revs = tags.map(revisionOf);
  if (revs.length === 0) throw fail.invalid('If-Match', 'expected.revision');
  return revs;
}

/** True if a tag of `If-None-Match` is the current one (RFC 9110, section 13.1.2). Throws 400. */
export function isKnown(header: string | undefined, current: string): boolean {
  if (header === undefined) return false;
  return tagsIn('If-None-Match', header).some((tag) => {
    const said = opaqueOf(tag);
    return tag === '*' || (said !== undefined && withoutCoding(said).includes(current));
  });
}

/** The elements of a list, but empty ones (RFC 9110, section 5.6.1.2). Our ETags have no commas. */
function tagsIn(name: string, header: string): string[] {
  const parts = header.split(',', maxTags + 1);
  if (parts.length > maxTags) throw fail.invalid(name, `expected.at.most.${maxTags}.tags`);
  return parts.map((tag) => tag.trim()).filter((tag) => tag !== '');
}

/** The ETag of an object, without quotes: revision, the store's epoch, and the reader's view. */
export function objectTag(rev: number, { epoch, view }: { epoch: string; view: string }): string {
  return `${rev}-${epoch}-${view}`;
}

/** A revision: bare, or as made by `objectTag`. */
const revisionTag = /^([1-9]\d{0,14})(?:-([0-9a-f]{16})(?:-[\w-]*)?)?$/;

function revisionOf(tag: string): AcceptedRev {
  for (const said of withoutCoding(opaqueOf(tag) ?? '')) {
    const [, rev, epoch] = revisionTag.exec(said) ?? [];
    if (rev !== undefined) return { rev: Number(rev), epoch };
  }
  throw fail.invalid('If-Match', 'expected.revision');
}

/** `5` of `5`, `"5"` and `W/"5"`. `undefined` if the quotes do not match. */
function opaqueOf(tag: string): string | undefined {
  return /^(?:W\/)?("?)([^"]*)\1$/.exec(tag)?.[2];
}

/** The tag as received, and what it may have been before compression. */
function withoutCoding(tag: string): string[] {
  return [tag, ...codingSuffixes.map((suffix) => tag.replace(suffix, ''))];
}
