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
import { systemCode } from '../../../platform/system-reason.js';
import { StoreRefused } from '../../store-errors.js';
import type { Pos } from '../../stored-object.js';

/** Content of the mark file beside a database. */
export interface MarkContent {
  /** One of these is in the database: the first where the process ended before it was renamed. */
  readonly openings: readonly [before: string, now: string];
  /** Positions up to this one were committed. */
  readonly position: Pos;
}

const digits = 16;
const line = /^really 1 ([0-9a-f]{16}) ([0-9a-f]{16}) (\d{16})\n$/;
/** Offset of the position in the line. */
const positionAt = 'really 1 '.length + 2 * (digits + 1);

/**
 * A file of one line beside a database, which detects a database restored from a copy: the copy has
 * another opening name than the file, or an earlier position. The position is written after each
 * commit without fsync: a crash of the process loses nothing of it, and after a power failure it is
 * behind the database, which proves nothing.
 */
export class EpochMark {
  readonly #file: string;
  #descriptor: number | undefined;

  constructor(database: string) {
    this.#file = `${database}.epoch`;
  }

  /** `undefined` where there is no file; `'unreadable'` where its content is invalid. */
  read(): MarkContent | 'unreadable' | undefined {
    let text: string;
    try {
      text = readFileSync(this.#file, 'latin1');
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined;
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

  /** Records that everything up to here is committed. */
  advance(position: Pos): void {
    if (this.#descriptor === undefined) return;
    try {
      writeSync(this.#descriptor, textOf(position), positionAt);
    } catch {
      // The old content is still valid, and the commit does not depend on it.
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
