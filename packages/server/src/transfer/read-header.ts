import { formatVersion, type Header } from './format.js';
import { Members, objectIn, WrongLine } from './members.js';

export type HeaderRead =
  | { readonly kind: 'header'; readonly header: Header }
  | { readonly kind: 'wrong'; readonly why: string };

const expected = 'expected the first line of an export, {"really":"export","version":1,…}';

/** Reads the first line of a file. */
export function readHeader(text: string): HeaderRead {
  try {
    return { kind: 'header', header: headerIn(text) };
  } catch (error) {
    if (!(error instanceof WrongLine)) throw error;
    return { kind: 'wrong', why: error.message };
  }
}

function headerIn(text: string): Header {
  if (!/^\s*\{/.test(text)) throw new WrongLine(expected);
  const members = new Members(objectIn(text));
  if (!members.has('really') || members.text('really') !== 'export') throw new WrongLine(expected);
  const version = members.integer('version', 1);
  if (version > formatVersion) {
    throw new WrongLine(
      `version: the file was written by a newer version: its format is ${version}, this program knows formats up to ${formatVersion}`,
    );
  }
  const header: Header = {
    really: 'export',
    version,
    time: members.optionalText('time') ?? '',
    position: members.has('position') ? members.integer('position', 0) : 0,
    newest: members.has('newest') ? members.integer('newest', 0) : 0,
    history: members.flag('history'),
    system: members.flag('system'),
    collections: members.texts('collections'),
  };
  members.done();
  return header;
}
