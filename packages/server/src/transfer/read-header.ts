import { Type } from '@really/protocol/schema';
import { Exact, Whole } from '../platform/record-schema.js';
import { type ExportHeader, formatVersion } from './format.js';
import { InvalidLine, objectIn, readAs } from './line-object.js';

export type HeaderRead =
  /** `handWritten`: no store wrote the file, since it names no position. */
  | { readonly kind: 'header'; readonly header: ExportHeader; readonly handWritten: boolean }
  | { readonly kind: 'wrong'; readonly why: string };

const expected = 'expected the first line of an export, {"really":"export","version":1,…}';

const headerLine = Exact({
  really: Type.Enum(['export']),
  version: Whole(1),
  time: Type.Optional(Type.String()),
  position: Type.Optional(Whole(0)),
  newest: Type.Optional(Whole(0)),
  history: Type.Optional(Type.Boolean()),
  system: Type.Optional(Type.Boolean()),
  collections: Type.Optional(Type.Array(Type.String())),
});

export function readHeader(text: string): HeaderRead {
  try {
    return headerIn(text);
  } catch (error) {
    if (!(error instanceof InvalidLine)) throw error;
    return { kind: 'wrong', why: error.message };
  }
}

function headerIn(text: string): HeaderRead {
  if (!/^\s*\{/.test(text)) throw new InvalidLine(expected);
  const line = objectIn(text);
  if (line.really !== 'export') throw new InvalidLine(expected);
  // Later formats may have other members.
  const { version: given } = line;
  if (typeof given === 'number' && given > formatVersion) {
    throw new InvalidLine(
      `version: the file was written by a newer version: its format is ${given}, this program knows formats up to ${formatVersion}`,
    );
  }
  const { position, ...rest } = readAs(headerLine, line);
  const defaults = { time: '', newest: 0, history: false, system: false };
  const header: ExportHeader = { ...defaults, ...rest, position: position ?? 0 };
  return { kind: 'header', header, handWritten: position === undefined };
}
