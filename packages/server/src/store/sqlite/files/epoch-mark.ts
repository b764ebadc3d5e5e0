import {
  closeSync,
  fchmodSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { ownerOnlyFile } from '../../../platform/owner-only.js';
import { type Pos, StoreRefused } from '../../store.js';

/** What is remembered of a database beside it. */
export interface MarkContent {
  /** The database has one of them: the second one, unless the process ended between writing this and that. */
  readonly openings: readonly [before: string, now: string];
  /** Positions up to this one were committed. */
  readonly position: Pos;
}

const digits = 16;
const line = /^really 1 ([0-9a-f]{16}) ([0-9a-f]{16}) (\d{16})\n$/;
/** Where the position stands in the line. */
const positionAt = 'really 1 '.length + 2 * (digits + 1);

/**
 * A file of one line beside a database, by which one that was put back from a copy is recognised: the copy says another
 * opening than the file, or has come less far. The position is written after each commit without being synced: a crash of
 * the process loses nothing of it, and after a loss of power it is behind the database, which proves nothing.
 */
export class EpochMark {
  readonly #file: string;
  #descriptor: number | undefined;

  constructor(database: string) {
    this.#file = `${database}.epoch`;
  }

  /** `undefined` where there is no file; `'unreadable'` where it is there and says nothing. */
  read(): MarkContent | 'unreadable' | undefined {
    let text: string;
    try {
      text = readFileSync(this.#file, 'latin1');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw this.#refusal(error);
    }
    const [, before, now, position] = line.exec(text) ?? [];
    if (before === undefined || now === undefined) return 'unreadable';
    return { openings: [before, now], position: Number(position) };
  }

  /** Replaces the file. It is on disk when this returns. */
  write({ openings: [before, now], position }: MarkContent): void {
    const draft = `${this.#file}.part`;
    try {
      this.close();
      const descriptor = openSync(draft, 'w', ownerOnlyFile);
      this.#descriptor = descriptor;
      fchmodSync(descriptor, ownerOnlyFile);
      writeSync(descriptor, `really 1 ${before} ${now} ${textOf(position)}\n`);
      fsyncSync(descriptor);
      renameSync(draft, this.#file);
      syncFolder(dirname(this.#file));
    } catch (error) {
      throw this.#refusal(error);
    }
  }

  /** Everything up to here is committed. */
  advance(position: Pos): void {
    if (this.#descriptor === undefined) return;
    try {
      writeSync(this.#descriptor, textOf(position), positionAt);
    } catch {
      // What it says still holds, and the commit does not depend on it.
    }
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  #refusal(error: unknown): StoreRefused {
    return new StoreRefused(`${this.#file} cannot be used: ${(error as Error).message}`);
  }
}

function textOf(position: Pos): string {
  return String(position).padStart(digits, '0');
}

function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
