import { readFile, stat } from 'node:fs/promises';
import { LineCounter } from 'yaml';
import type { Problems } from './problems.js';

/** A file of a model as text, with line and column of offsets. */
export class SourceFile {
  /** Its displayed path. */
  readonly path: string;
  readonly text: string;
  readonly #lines: LineCounter;
  readonly #problems: Problems;
  #trusted = Number.POSITIVE_INFINITY;

  constructor(path: string, text: string, problems: Problems) {
    this.path = path;
    this.text = text;
    this.#problems = problems;
    this.#lines = new LineCounter();
    this.#lines.addNewLine(0);
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) {
      this.#lines.addNewLine(at + 1);
    }
  }

  /** Line and column of an offset, from 1. */
  placeOf(offset: number): { line: number; column: number } {
    const { line, col } = this.#lines.linePos(Math.min(Math.max(offset, 0), this.text.length));
    return { line, column: col };
  }

  /** Suppresses problems from the line of this offset on: the parser has failed there, and further problems would be misleading. */
  distrustFrom(offset: number): void {
    this.#trusted = this.text.lastIndexOf('\n', offset - 1) + 1;
  }

  /** An offset as a place to show: `models/users/model.yaml:4:17`. */
  where(offset: number): string {
    const { line, column } = this.placeOf(offset);
    return `${this.path}:${line}:${column}`;
  }

  problem(offset: number, message: string): undefined {
    if (offset >= this.#trusted) return;
    this.#problems.add({ file: this.path, ...this.placeOf(offset), message });
  }

  /** As `problem`, for a known line and column, from 1. */
  problemAt(line: number, column: number, message: string): void {
    this.#problems.add({ file: this.path, line, column, message });
  }
}

/** Maximum bytes of one file. Models are written by hand. */
const largestFile = 1024 * 1024;

/** Reads a file as UTF-8, with or without a byte order mark. A failure is reported as a problem and returns `undefined`. */
export async function readSource(
  path: string,
  shown: string,
  problems: Problems,
): Promise<SourceFile | undefined> {
  let bytes: Uint8Array;
  try {
    const { size } = await stat(path);
    if (size > largestFile) {
      return problems.of(shown, `has ${size} bytes; expected at most ${largestFile}`);
    }
    bytes = await readFile(path);
  } catch (error) {
    return problems.of(shown, `cannot be read (${reasonOf(error)}); expected a readable file`);
  }
  const text = decode(bytes);
  const file = new SourceFile(shown, text ?? soundPart(bytes), problems);
  if (text !== undefined) return file;
  return file.problem(file.text.length, 'is not UTF-8 from here on; expected a text in UTF-8');
}

/** The system's error code, such as EACCES, without the path on this machine. */
export function reasonOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason';
}

function decode(bytes: Uint8Array, stream = false): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream });
  } catch {
    return undefined;
  }
}

/** The text up to the first byte that is not UTF-8. */
function soundPart(bytes: Uint8Array): string {
  let sound = 0;
  let unsound = bytes.length + 1;
  while (unsound - sound > 1) {
    const middle = (sound + unsound) >> 1;
    // In stream mode a character may continue beyond the end.
    if (decode(bytes.subarray(0, middle), true) === undefined) unsound = middle;
    else sound = middle;
  }
  return decode(bytes.subarray(0, sound), true) ?? '';
}
