import type { FileHandle } from 'node:fs/promises';
import { TextDecoder } from 'node:util';

/** Bytes read at once, and the maximum length of a line. */
const chunkSize = 256 * 1024;
const longestLine = 256 * 1024 * 1024;

export interface ExportLine {
  /** From 1. */
  readonly number: number;
  /** Without the line end; `undefined` where it is not UTF-8. */
  readonly text: string | undefined;
  /** Offset of the next line. */
  readonly end: number;
  /** False for a last line without a line end. */
  readonly whole: boolean;
}

/**
 * The lines of a file from its beginning. However large the file is, only one line and one chunk
 * are in memory.
 */
export async function* linesOf(file: FileHandle): AsyncGenerator<ExportLine> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let parts: Buffer[] = [];
  let number = 0;
  let start = 0;
  const take = (end: number, whole: boolean): ExportLine => {
    number += 1;
    const line = { number, text: decoded(decoder, parts), end, whole };
    parts = [];
    start = end;
    return line;
  };
  for (let position = 0; ; ) {
    const chunk = Buffer.allocUnsafe(chunkSize);
    const { bytesRead } = await file.read(chunk, 0, chunkSize, position);
    if (bytesRead === 0) break;
    let from = 0;
    for (let at = chunk.indexOf(10); at >= 0 && at < bytesRead; at = chunk.indexOf(10, from)) {
      parts.push(chunk.subarray(from, at));
      from = at + 1;
      yield take(position + from, true);
    }
    parts.push(chunk.subarray(from, bytesRead));
    position += bytesRead;
    if (position - start > longestLine) {
      throw new Error(`line ${number + 1}: expected a line of at most ${longestLine} bytes`);
    }
    if (bytesRead < chunkSize && (await file.stat()).size <= position) break;
  }
  const left = parts.reduce((sum, part) => sum + part.length, 0);
  if (left > 0) yield take(start + left, false);
}

function decoded(decoder: TextDecoder, parts: readonly Buffer[]): string | undefined {
  const [only = Buffer.alloc(0)] = parts;
  try {
    return decoder.decode(parts.length > 1 ? Buffer.concat(parts) : only);
  } catch {
    return undefined;
  }
}
