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
import { expectedNames, quoted } from './nearest-name.js';
import type { SourceFile } from './source-file.js';

/** A node whose aliases are followed; `null` where the file has nothing. */
export type YamlNode = Scalar | YAMLMap | YAMLSeq;

/** A member of a mapping. */
export interface Entry {
  /** As the model knows it, whatever its case in the file. */
  readonly name: string;
  /** Where the key stands. */
  readonly offset: number;
  readonly node: YamlNode;
}

/** Nodes of a file, repetitions by aliases counted each. */
const mostNodes = 20_000;
const deepest = 64;
const mostErrors = 20;

/** A `model.yaml` that is sound as YAML, read by nodes, so that all that is wrong has its place. */
export class ModelYaml {
  readonly file: SourceFile;
  readonly #document: Document;

  private constructor(file: SourceFile, document: Document) {
    this.file = file;
    this.#document = document;
  }

  /** Parses the file. What is wrong with it as YAML is told, and the answer is `undefined`. */
  static parse(file: SourceFile): { yaml: ModelYaml; root: YamlNode } | undefined {
    const document = parse(file);
    if (document === undefined) return undefined;
    // One slip can make the parser stumble over everything that follows.
    for (const { pos, message } of [...document.errors, ...document.warnings].slice(
      0,
      mostErrors,
    )) {
      file.problem(pos[0], `${plainMessage(message)}; expected YAML 1.2`);
    }
    const yaml = new ModelYaml(file, document);
    const sound = document.errors.length + document.warnings.length === 0;
    if (!sound || !yaml.#isBounded() || !yaml.#hasPlainKeys(document.contents)) return undefined;
    const root = yaml.resolve(document.contents);
    if (root !== undefined && !(isScalar(root) && root.value === null)) return { yaml, root };
    file.problem(0, 'the file is empty; expected a model with `version` and `fields`');
    return undefined;
  }

  problem(at: YamlNode | Entry | number, message: string): void {
    this.file.problem(
      typeof at === 'number' ? at : 'offset' in at ? at.offset : offsetOf(at),
      message,
    );
  }

  resolve(node: unknown): YamlNode | undefined {
    const target = isAlias(node) ? node.resolve(this.#document) : node;
    return isScalar(target) || isMap(target) || isSeq(target) ? target : undefined;
  }

  /** The members of a mapping in the order of the file; `undefined` (and a problem) where it is none. */
  entries(node: YamlNode, what: string): Entry[] | undefined {
    if (isMap(node)) return node.items.map((pair) => this.#entry(pair));
    this.problem(node, `${what} is ${describe(node)}; expected a mapping`);
    return undefined;
  }

  /** As `entries`, where the keys are known: read in any case, each at most once. Others are problems. */
  members(node: YamlNode, what: string, known: readonly string[]): Map<string, Entry> | undefined {
    const entries = this.entries(node, what);
    if (entries === undefined) return undefined;
    const members = new Map<string, Entry>();
    for (const entry of entries) {
      const name = known.find((one) => one.toLowerCase() === entry.name.toLowerCase());
      if (name === undefined) {
        this.problem(
          entry,
          `unknown key ${quoted(entry.name)} in ${what}; ${expectedNames(entry.name, known)}`,
        );
      } else if (members.has(name)) {
        this.problem(entry, `\`${name}\` of ${what} is here a second time; expected it once`);
      } else members.set(name, { ...entry, name });
    }
    return members;
  }

  #entry({ key, value }: Pair): Entry {
    const keyNode = this.resolve(key);
    const offset = keyNode === undefined ? 0 : offsetOf(keyNode);
    const name = isScalar(keyNode) ? String(keyNode.source ?? keyNode.value) : '';
    const node = this.resolve(value) ?? nothingAt(keyNode);
    return { name, offset, node };
  }

  /** Aliases can make a small file endless, or as good as. */
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
      const inner = isMap(target)
        ? target.items.flatMap(({ key, value }) => [key, value])
        : isSeq(target)
          ? target.items
          : [];
      return inner.every((one) => count(one, depth + 1));
    };
    return count(this.#document.contents, 0);
  }

  /** Keys are texts, each once in its mapping. */
  #hasPlainKeys(root: unknown): boolean {
    let sound = true;
    const waiting: unknown[] = [root];
    for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
      if (isSeq(node)) waiting.push(...node.items.toReversed());
      if (!isMap(node)) continue;
      if (!this.#checkKeys(node)) sound = false;
      waiting.push(...node.items.map(({ value }) => value).filter((value) => value !== null));
    }
    return sound;
  }

  #checkKeys(map: YAMLMap): boolean {
    const seen = new Set<string>();
    let sound = true;
    for (const pair of map.items) {
      const { name, offset } = this.#entry(pair);
      if (!isScalar(this.resolve(pair.key)))
        this.problem(offset, 'this key is no text; expected a name');
      else if (seen.has(name))
        this.problem(offset, `the key ${quoted(name)} is here a second time; expected it once`);
      else {
        seen.add(name);
        continue;
      }
      sound = false;
    }
    return sound;
  }
}

/** The library composes nested values by recursion: what is too deep must not come so far. */
function parse(file: SourceFile): Document | undefined {
  if (isDeeper(file.text, deepest)) {
    file.problem(0, `nested too deeply; expected at most ${deepest} levels`);
    return undefined;
  }
  return parseDocument(file.text, {
    version: '1.2',
    uniqueKeys: false,
    prettyErrors: false,
    strict: true,
  });
}

/** Whether a text has more levels than these, sound or not. */
function isDeeper(text: string, levels: number): boolean {
  const waiting: { token: CST.Token; level: number }[] = [];
  for (const token of new Parser().parse(text)) waiting.push({ token, level: 0 });
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { token, level } = next;
    if (level > levels) return true;
    for (const inner of tokensIn(token)) waiting.push({ token: inner, level: level + 1 });
  }
  return false;
}

function tokensIn(token: CST.Token): CST.Token[] {
  if (token.type === 'document') return token.value ? [token.value] : [];
  if (!('items' in token)) return [];
  return token.items.flatMap((item) => [item.key, item.value]).filter((one) => one != null);
}

function plainMessage(message: string): string {
  const line = message.split('\n', 1)[0] ?? message;
  return `this is not sound YAML: ${line.replace(/[.:]$/, '')}`;
}

/** A key without a value, as a node that stands where the key does. */
function nothingAt(key: YamlNode | undefined): Scalar {
  return nothing(key === undefined ? 0 : offsetOf(key));
}

function nothing(offset: number): Scalar {
  const node = new Scalar(null);
  node.range = [offset, offset, offset];
  return node;
}

export function offsetOf(node: YamlNode): number {
  return node.range?.[0] ?? 0;
}

/** For messages: what stands there. */
export function describe(node: YamlNode): string {
  if (isMap(node)) return 'a mapping';
  if (isSeq(node)) return 'a list';
  return node.value === null ? 'empty' : quoted(String(node.source ?? node.value));
}
