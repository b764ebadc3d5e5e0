import {
  type CST,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Pair,
  Parser,
  parseDocument,
  Scalar,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import { expectedNames, quoted } from './expected-names.js';
import type { SourceFile } from './source-file.js';

/** A node with aliases resolved; `null` if the file has nothing there. */
export type YamlNode = Scalar | YAMLMap | YAMLSeq;

/** A member of a mapping. */
export interface YamlEntry {
  /** Its canonical name, whatever its case in the file. */
  readonly name: string;
  /** Position of the key. */
  readonly offset: number;
  readonly node: YamlNode;
}

/** Maximum nesting of a file. */
const deepest = 64;
/** Maximum number of nodes of a file, counting repetitions by aliases. */
const mostNodes = 20_000;
const mostErrors = 20;

/** A `model.yaml`, read by nodes, so that every problem has its position. */
export class ModelYaml {
  readonly file: SourceFile;
  /** False if it is not valid YAML: then it may contain more than could be read. */
  readonly isSound: boolean;
  readonly #document: Document;

  private constructor(file: SourceFile, document: Document) {
    this.file = file;
    this.isSound = document.errors.length === 0;
    this.#document = document;
  }

  /** Parses the file and reports YAML errors. `undefined` if nothing usable is left. */
  static parse(file: SourceFile): { yaml: ModelYaml; root: YamlNode } | undefined {
    const document = parseYaml(file);
    if (document === undefined) return undefined;
    const yaml = new ModelYaml(file, document);
    yaml.#reportErrors();
    if (!yaml.#isBounded()) return undefined;
    yaml.#checkAllKeys();
    const root = yaml.resolve(document.contents);
    if (root !== undefined && !(isScalar(root) && root.value === null)) return { yaml, root };
    return yaml.lack(0, 'the file is empty; expected a model with `version` and `fields`');
  }

  /** Reports something missing, which can be known of a valid file only. */
  lack(at: number, message: string): undefined {
    if (this.isSound) this.problem(at, message);
  }

  problem(at: YamlNode | YamlEntry | number, message: string): undefined {
    if (typeof at === 'number') return this.file.problem(at, message);
    return this.file.problem('offset' in at ? at.offset : offsetOf(at), message);
  }

  /** Reports that this is something else than expected. */
  unexpected(node: YamlNode, what: string, expected: string): undefined {
    return this.problem(node, `${what} is ${describe(node)}; expected ${expected}`);
  }

  resolve(node: unknown): YamlNode | undefined {
    const target = isAlias(node) ? node.resolve(this.#document) : node;
    return isScalar(target) || isMap(target) || isSeq(target) ? target : undefined;
  }

  /** The members of a mapping in the order of the file; `undefined` (and a problem) if it is not a mapping. */
  entries(node: YamlNode, what: string, example?: string): YamlEntry[] | undefined {
    if (isMap(node)) {
      // Keys that are not texts were reported already.
      const pairs = node.items.filter(({ key }) => isScalar(this.resolve(key)));
      return pairs.map((pair) => this.#entry(pair));
    }
    const such = example === undefined ? '' : ` such as ${quoted(example)}`;
    const message = `${what} is ${describe(node)}; expected a mapping${such}`;
    if (isScalar(node) && node.value === null) return this.lack(offsetOf(node), message);
    return this.problem(node, message);
  }

  /** As `entries`, for known keys: in any case, each at most once. Other keys are problems. */
  members(
    node: YamlNode,
    what: string,
    known: readonly string[],
    example?: string,
  ): Map<string, YamlEntry> | undefined {
    const entries = this.entries(node, what, example);
    if (entries === undefined) return undefined;
    const members = new Map<string, YamlEntry>();
    for (const entry of entries) {
      const name = known.find((candidate) => candidate.toLowerCase() === entry.name.toLowerCase());
      if (name === undefined) {
        this.problem(
          entry,
          `unknown key ${quoted(entry.name)} in ${what}; ${expectedNames(entry.name, known)}`,
        );
      } else if (members.has(name)) this.#reportDuplicates(entry);
      else members.set(name, { ...entry, name });
    }
    return members;
  }

  #entry({ key, value }: Pair): YamlEntry {
    const keyNode = this.resolve(key);
    const offset = keyNode === undefined ? 0 : offsetOf(keyNode);
    const name = isScalar(keyNode) ? String(keyNode.source ?? keyNode.value) : '';
    return { name, offset, node: this.resolve(value) ?? nothingAt(offset) };
  }

  /** Aliases can make a small file huge or endless. */
  #isBounded(): boolean {
    let nodes = 0;
    const count = (node: unknown, depth: number): boolean => {
      nodes++;
      const target = this.resolve(node);
      if (nodes > mostNodes || depth > deepest) {
        this.problem(
          target ?? 0,
          `too deep or too large, aliases followed; expected at most ${mostNodes} values in ${deepest} levels`,
        );
        return false;
      }
      return partsOf(target).every((part) => count(part, depth + 1));
    };
    return count(this.#document.contents, 0);
  }

  #reportErrors(): void {
    const { errors, warnings } = this.#document;
    for (const { pos, code, message } of [...withoutGhosts(errors), ...warnings]) {
      const quotes =
        code === 'UNEXPECTED_TOKEN' ? ', where a text with any of `{}[],:#` in it has quotes' : '';
      this.problem(pos[0], `${plainMessage(message)}; expected YAML 1.2${quotes}`);
    }
    if (errors.length > 0) this.file.distrustFrom(Math.min(...errors.map(({ pos }) => pos[0])));
  }

  #reportDuplicates(entry: YamlEntry): void {
    this.problem(entry, `the key ${quoted(entry.name)} is here a second time; expected it once`);
  }

  /** Keys are texts, without duplicates in a mapping. */
  #checkAllKeys(): void {
    const waiting: unknown[] = [this.#document.contents];
    for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
      if (isSeq(node)) waiting.push(...node.items);
      if (!isMap(node)) continue;
      this.#checkKeys(node);
      waiting.push(...node.items.map(({ value }) => value).filter((value) => value !== null));
    }
  }

  #checkKeys(map: YAMLMap): void {
    const seen = new Set<string>();
    for (const pair of map.items) {
      const key = this.resolve(pair.key);
      const entry = this.#entry(pair);
      if (!isScalar(key)) this.problem(key ?? 0, 'this key is no text; expected a name');
      else if (seen.has(entry.name)) this.#reportDuplicates(entry);
      seen.add(entry.name);
    }
  }
}

/** The library composes nested values recursively, so a file that is too deep must be refused before. */
function parseYaml(file: SourceFile): Document | undefined {
  if (isTooDeep(file.text)) {
    return file.problem(0, `nested too deeply; expected at most ${deepest} levels`);
  }
  return parseDocument(file.text, {
    version: '1.2',
    uniqueKeys: false,
    prettyErrors: false,
    strict: true,
  });
}

/** Whether a text has too many levels, valid or not. */
function isTooDeep(text: string): boolean {
  const waiting: { token: CST.Token; level: number }[] = [];
  for (const token of new Parser().parse(text)) waiting.push({ token, level: 0 });
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { token, level } = next;
    if (level > deepest) return true;
    for (const inner of tokensIn(token)) waiting.push({ token: inner, level: level + 1 });
  }
  return false;
}

function tokensIn(token: CST.Token): CST.Token[] {
  if (token.type === 'document') return token.value ? [token.value] : [];
  if (!('items' in token)) return [];
  return token.items.flatMap((item) => [item.key, item.value]).filter((node) => node != null);
}

function partsOf(node: YamlNode | undefined): unknown[] {
  if (isMap(node)) return node.items.flatMap(({ key, value }) => [key, value]);
  return isSeq(node) ? node.items : [];
}

/** After one mistake the parser may report every following word. */
function withoutGhosts(errors: Document['errors']): Document['errors'] {
  return errors
    .filter(({ code }, index) => index === 0 || code !== 'UNEXPECTED_TOKEN')
    .slice(0, mostErrors);
}

function plainMessage(message: string): string {
  const line = message.split('\n', 1)[0] ?? message;
  return `this is not sound YAML: ${line.replace(/[.:]$/, '')}`;
}

/** A node for a key without a value, at the position of the key. */
function nothingAt(offset: number): Scalar {
  const node = new Scalar(null);
  node.range = [offset, offset, offset];
  return node;
}

export function offsetOf(node: YamlNode): number {
  return node.range?.[0] ?? 0;
}

/** For messages: the text of the node. */
export function describe(node: YamlNode): string {
  if (isMap(node)) return 'a mapping';
  if (isSeq(node)) return 'a list';
  if (node.value === null) return 'empty';
  const source = quoted(String(node.source ?? node.value));
  // Otherwise it would look like the expected value: "`version` is `1`; expected a whole number".
  const isQuoted = node.type === 'QUOTE_DOUBLE' || node.type === 'QUOTE_SINGLE';
  return isQuoted ? `the text ${source}` : source;
}
