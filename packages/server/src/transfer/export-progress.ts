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
  const scan = new ProgressScan(header.header, first.value.end);
  for await (const line of lines) {
    const step = scan.take(line);
    if (step === 'complete') return { kind: 'complete' };
    if (step === 'torn') break;
  }
  return { kind: 'begun', size: scan.size, progress: scan.progress };
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

class ProgressScan {
  size: number;
  progress: ExportProgress;
  #changes = 0;

  constructor(header: ExportHeader, size: number) {
    this.size = size;
    this.progress = { header, objects: 0, changes: 0 };
  }

  /** Recognises lines by their prefix, as they were written: that is fast. */
  take({ text = '', end, whole }: ExportLine): 'taken' | 'complete' | 'torn' {
    if (!whole || !text.endsWith('}')) return 'torn';
    const { progress } = this;
    const since = /^\{"since":(\d+)\}$/.exec(text)?.[1];
    const r = /^\{"r":"([^"]+)"/.exec(text)?.[1];
    if (text.startsWith('{"change":')) {
      this.#changes += 1;
      return 'taken';
    }
    if (text.startsWith('{"end":')) return 'complete';
    if (since !== undefined) {
      this.progress = { ...progress, since: Number(since) };
    } else if (r !== undefined) {
      const last = progress.since === undefined ? r : progress.last;
      const changes = progress.changes + this.#changes;
      this.progress = { ...progress, last, objects: progress.objects + 1, changes };
    } else return 'torn';
    this.#changes = 0;
    this.size = end;
    return 'taken';
  }
}
