import { type ExportHeader, formatVersion } from './format.js';
import { InvalidLine, objectIn, RecordReader } from './record-reader.js';

export type HeaderRead =
  /** `handWritten`: no store wrote the file, since it names no position. */
  | { readonly kind: 'header'; readonly header: ExportHeader; readonly handWritten: boolean }
  | { readonly kind: 'wrong'; readonly why: string };

const expected = 'expected the first line of an export, {"really":"export","version":1,…}';

/** Reads the first line of a file. */
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
  const reader = new RecordReader(objectIn(text));
  if (!reader.has('really') || reader.text('really') !== 'export') throw new InvalidLine(expected);
  const version = reader.integer('version', 1);
  if (version > formatVersion) {
    throw new InvalidLine(
      `version: the file was written by a newer version: its format is ${version}, this program knows formats up to ${formatVersion}`,
    );
  }
  const handWritten = !reader.has('position');
  const header: ExportHeader = {
    really: 'export',
    version,
    time: reader.optionalText('time') ?? '',
    position: handWritten ? 0 : reader.integer('position', 0),
    newest: reader.has('newest') ? reader.integer('newest', 0) : 0,
    history: reader.flag('history'),
    system: reader.flag('system'),
    collections: reader.texts('collections'),
  };
  reader.assertComplete();
  return { kind: 'header', header, handWritten };
}
