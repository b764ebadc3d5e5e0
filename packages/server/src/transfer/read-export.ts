import type { FileHandle } from 'node:fs/promises';
import type { Change, ObjectWithHistory } from '../store/stored-object.js';
import type { ExportEnd, ExportHeader } from './format.js';
import { InvalidLine } from './line-object.js';
import { type ExportLine, linesOf } from './lines.js';
import { type ExportEntry, readEntry } from './read-entry.js';
import { readHeader } from './read-header.js';

/** The parts of an export, in order; an object comes with its changes. */
export type ExportPart = LineSpan &
  (
    | { readonly kind: 'header'; readonly header: ExportHeader; readonly handWritten: boolean }
    | { readonly kind: 'object'; readonly kept: ObjectWithHistory; readonly duplicate: boolean }
    | { readonly kind: 'end'; readonly end: ExportEnd }
    /**
     * After a `fatal` problem nothing more is read; otherwise reading goes on with the next line.
     */
    | { readonly kind: 'problem'; readonly problem: string; readonly fatal: boolean }
  );

interface LineSpan {
  /** Line of the object itself. */
  readonly line: number;
  /** Bytes up to its end. */
  readonly upTo: number;
}

const unfinished =
  'the file ends without the last line of an export: it was not finished (`really export --resume` goes on with it) or was cut off';

/** Reads a file line by line, written by `really export` or by hand. */
export async function* readExport(file: FileHandle): AsyncGenerator<ExportPart> {
  const groups = new EntryGroups();
  let last: ExportLine | undefined;
  for await (const line of linesOf(file)) {
    last = line;
    const part = groups.take(line);
    if (part === undefined) continue;
    yield part;
    if (part.kind === 'problem' && part.fatal) return;
  }
  if (groups.isComplete) return;
  const { number: line = 1, end: upTo = 0 } = last ?? {};
  const problem = last === undefined ? 'the file is empty' : unfinished;
  yield { kind: 'problem', problem, fatal: true, line, upTo };
}

/** Groups lines into objects with their changes, and checks what takes several lines. */
class EntryGroups {
  #changes: Change[] = [];
  #counts = { objects: 0, changes: 0 };
  #begun = false;
  #afterSince = false;
  isComplete = false;

  take({ number, text, end, whole }: ExportLine): ExportPart | undefined {
    const at = { line: number, upTo: end };
    try {
      if (text === undefined) throw new InvalidLine('it is not UTF-8');
      if (this.#begun && text.trim() === '') return undefined;
      if (this.#begun) return this.#entry(readEntry(text), at);
      this.#begun = true;
      const read = readHeader(text);
      return read.kind === 'header'
        ? { ...read, ...at }
        : { kind: 'problem', problem: read.why, fatal: true, ...at };
    } catch (error) {
      if (!(error instanceof InvalidLine)) throw error;
      // A file that is not text from its first line on was never an export.
      const isCutOff = !whole && !(number === 1 && text === undefined);
      if (isCutOff) return { kind: 'problem', problem: unfinished, fatal: true, ...at };
      // Those of the object that the line was part of.
      this.#changes = [];
      return { kind: 'problem', problem: error.message, fatal: false, ...at };
    }
  }

  #entry(entry: ExportEntry, at: LineSpan): ExportPart | undefined {
    if (this.isComplete) throw new InvalidLine('expected nothing after the line with `end`');
    switch (entry.kind) {
      case 'change':
        this.#add(entry.change);
        return undefined;
      case 'object': {
        const kept = this.#close(entry.object);
        return { kind: 'object', kept, duplicate: this.#afterSince, ...at };
      }
      case 'since':
        this.#assertClosed();
        this.#afterSince = true;
        return undefined;
      case 'end':
        this.#assertClosed();
        this.isComplete = true;
        this.#compare(entry.end);
        return { kind: 'end', end: entry.end, ...at };
      default:
        return entry satisfies never;
    }
  }

  #add(change: Change): void {
    const before = this.#changes.at(-1);
    if (before && before.r !== change.r) this.#assertClosed();
    // Between the creation and the rest revisions may be missing: they were pruned.
    if (before && before.type !== 'create' && change.rev !== before.rev + 1) {
      throw new InvalidLine(`change.rev: expected ${before.rev + 1}, not ${change.rev}`);
    }
    if (before && change.rev <= before.rev) {
      throw new InvalidLine(`change.rev: expected more than ${before.rev}, not ${change.rev}`);
    }
    if (change.type === 'create' && change.rev !== 1) {
      throw new InvalidLine(`change.rev: expected 1 for a creation, not ${change.rev}`);
    }
    this.#changes.push(change);
    this.#counts.changes += 1;
  }

  #close(object: ObjectWithHistory['object']): ObjectWithHistory {
    const history = this.#changes;
    this.#changes = [];
    this.#counts.objects += 1;
    const last = history.at(-1);
    if (last && last.r !== object.r) {
      throw new InvalidLine(
        `r: expected ${last.r}, whose changes stand before it, not ${object.r}`,
      );
    }
    const onlyBorn = history.length === 1 && last?.type === 'create';
    if (last && !onlyBorn && last.rev !== object.rev) {
      throw new InvalidLine(`rev: expected ${last.rev} as of its last change, not ${object.rev}`);
    }
    const dies = history.some(({ type }) => type === 'delete');
    if (last && dies !== object.deleted) {
      throw new InvalidLine(`deleted: expected ${dies} as its changes say, not ${object.deleted}`);
    }
    return { object, history: object.deleted ? history.slice(-1) : history };
  }

  #assertClosed(): void {
    const [open] = this.#changes;
    if (open) throw new InvalidLine(`expected the object ${open.r} after its changes`);
  }

  #compare(end: ExportEnd): void {
    for (const kind of ['objects', 'changes'] as const) {
      const [counted, told] = [this.#counts[kind], end[kind]];
      if (told === undefined || told === counted) continue;
      throw new InvalidLine(`end.${kind}: expected ${counted}, as many as there are, not ${told}`);
    }
  }
}
