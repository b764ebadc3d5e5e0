import type { FileHandle } from 'node:fs/promises';
import type { ExportProgress } from './export-store.js';
import type { ExportHeader } from './format.js';
import { type ExportLine, linesOf } from './lines.js';
import { readHeader } from './read-header.js';

export type ExportFileState =
  /** Nothing that an export can continue from is written yet. */
  | { readonly kind: 'nothing' }
  | { readonly kind: 'other'; readonly why: string }
  | { readonly kind: 'complete' }
  /** `size`: complete bytes; the rest has to be cut off. */
  | { readonly kind: 'begun'; readonly size: number; readonly progress: ExportProgress };

/**
 * Reads how far the export in a file got. It is complete up to the last line of an object: changes
 * after that belong to an object that is not there yet.
 */
export async function readExportProgress(file: FileHandle): Promise<ExportFileState> {
  const lines = linesOf(file);
  const first = await lines.next();
  if (first.done) return { kind: 'nothing' };
  const header = headerOf(first.value);
  if (header.kind !== 'header') return header;
  let progress: ExportProgress = { header: header.header, objects: 0, changes: 0 };
  let size = first.value.end;
  /** Of the object that comes next. */
  let changes = 0;
  // Recognises lines by their prefix, as they were written: that is fast.
  for await (const { text = '', end, whole } of lines) {
    if (!whole || !text.endsWith('}')) break;
    if (text.startsWith('{"end":')) return { kind: 'complete' };
    if (text.startsWith('{"change":')) {
      changes += 1;
      continue;
    }
    const since = /^\{"since":(\d+)\}$/.exec(text)?.[1];
    const r = /^\{"r":"([^"]+)"/.exec(text)?.[1];
    if (since !== undefined) progress = { ...progress, since: Number(since) };
    else if (r !== undefined) {
      const last = progress.since === undefined ? r : progress.last;
      const counts = { objects: progress.objects + 1, changes: progress.changes + changes };
      progress = { ...progress, last, ...counts };
    } else break;
    changes = 0;
    size = end;
  }
  return { kind: 'begun', size, progress };
}

function headerOf({
  text = '',
  whole,
}: ExportLine): ExportFileState | { kind: 'header'; header: ExportHeader } {
  const read = readHeader(text);
  if (whole && read.kind === 'header') return read;
  const isBegun = !whole && '{"really":"export","version":1,'.startsWith(text.slice(0, 31));
  if (isBegun) return { kind: 'nothing' };
  return { kind: 'other', why: read.kind === 'wrong' ? read.why : 'the first line has no end' };
}
