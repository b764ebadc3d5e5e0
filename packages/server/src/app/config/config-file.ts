import {
  type Document,
  isMap,
  isScalar,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
} from 'yaml';
import { systemCode } from '../../platform/system-reason.js';
import { readText } from './read-text.js';

/** One value of a configuration file. */
export interface FileEntry {
  /** `limits.message`, written nested or with the dot. */
  readonly key: string;
  /** Plain data: text, a number, a list, and so on. */
  readonly raw: unknown;
  /** Position of the key: `really.yaml:3:7`. */
  readonly where: string;
}

export interface FileContent {
  readonly entries: readonly FileEntry[];
  /** Complete lines, each with its position. */
  readonly problems: readonly string[];
}

const emptyFile: FileContent = { entries: [], problems: [] };

/**
 * Reads `file`, called `name` in messages. A missing file is empty. `isSection` is true for keys that have keys below
 * them instead of a value.
 */
export function readConfigFile(
  file: string,
  name: string,
  isSection: (key: string) => boolean,
): FileContent {
  let source: string;
  try {
    source = readText(file);
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT') return emptyFile;
    return { entries: [], problems: [`${name}: cannot be read (${code || 'unreadable'})`] };
  }
  return parseConfig(source, name, isSection);
}

/** The entries of a YAML text. Syntax errors are all reported, and then there are no entries. */
export function parseConfig(
  source: string,
  name: string,
  isSection: (key: string) => boolean,
): FileContent {
  const lines = new LineCounter();
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false });
  const place = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${name}:${line}:${col}`;
  };
  if (document.errors.length > 0) {
    const problems = document.errors.map((e) => `${place(e.pos[0])}: ${e.message.split('\n')[0]}`);
    return { entries: [], problems };
  }
  const root = document.contents;
  if (root === null || (isScalar(root) && root.value === null)) return emptyFile;
  if (!isMap(root)) return { entries: [], problems: [`${place(0)}: expected keys and values`] };
  const entriesOf = (pairs: readonly Pair[], prefix: string): FileEntry[] => {
    return pairs.flatMap((pair) => {
      const keyNode = pair.key as Node;
      const key = `${prefix}${nameOf(keyNode)}`;
      const value = pair.value as Node | null;
      if (isMap(value) && value.items.length > 0 && isSection(key)) {
        return entriesOf(value.items, `${key}.`);
      }
      const where = place(keyNode.range?.[0] ?? 0);
      return { key, where, raw: value === null ? null : plainOf(value, document) };
    });
  };
  return { entries: entriesOf(root.items, ''), problems: [] };
}

/** Numbers stay as they were written: a secret of digits alone is text, not a rounded number. */
function plainOf(node: Node, document: Document): unknown {
  if (isScalar(node) && typeof node.value === 'number') return node.source ?? node.value;
  return node.toJS(document);
}

/** As written: a clientid such as `1e3` is text, although YAML reads it as a number. */
function nameOf(key: Node): string {
  if (!isScalar(key)) return '?';
  return typeof key.value === 'number' ? (key.source ?? String(key.value)) : String(key.value);
}
