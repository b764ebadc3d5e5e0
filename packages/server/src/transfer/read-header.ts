import { formatVersion, type Header } from './format.js';
import { Members, objectIn, WrongLine } from './members.js';

export type HeaderRead =
  /** `byHand`: no store wrote the file, since it names no position of one. */
  | { readonly kind: 'header'; readonly header: Header; readonly byHand: boolean }
  | { readonly kind: 'wrong'; readonly why: string };

const expected = 'expected the first line of an export, {"really":"export","version":1,…}';

/** Reads the first line of a file. */
export function readHeader(text: string): HeaderRead {
  try {
    return headerIn(text);
  } catch (error) {
    if (!(error instanceof WrongLine)) throw error;
    return { kind: 'wrong', why: error.message };
  }
}

function headerIn(text: string): HeaderRead {
  if (!/^\s*\{/.test(text)) throw new WrongLine(expected);
  const members = new Members(objectIn(text));
  if (!members.has('really') || members.text('really') !== 'export') throw new WrongLine(expected);
  const version = members.integer('version', 1);
  if (version > formatVersion) {
    throw new WrongLine(
      `version: the file was written by a newer version: its format is ${version}, this program knows formats up to ${formatVersion}`,
    );
  }
  const byHand = !members.has('position');
  const header: Header = {
    really: 'export',
    version,
    time: members.optionalText('time') ?? '',
    position: byHand ? 0 : members.integer('position', 0),
    newest: members.has('newest') ? members.integer('newest', 0) : 0,
    history: members.flag('history'),
    system: members.flag('system'),
    collections: members.texts('collections'),
  };
  members.done();
  return { kind: 'header', header, byHand };
}
