import type { Node } from 'acorn';

/** A node of a syntax tree, as code sees it that goes through trees of any kind. */
export type Tree = Node & Readonly<Record<string, unknown>>;

/** The nodes below a node, by the member that holds them, in the order of the text. */
export function* childrenOf(node: Tree): Generator<readonly [string, Tree]> {
  for (const [key, value] of Object.entries(node)) {
    // In `{ a }` key and value are the same piece of text.
    if (key === 'key' && node.shorthand === true) continue;
    if (isTree(value)) yield [key, value];
    else if (Array.isArray(value)) for (const item of value) if (isTree(item)) yield [key, item];
  }
}

export function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value;
}

/** Goes through a tree without recursion: an app's source may nest as deep as it likes. */
export function* everyNode(root: Tree): Generator<Tree> {
  const waiting = [root];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    yield node;
    for (const [, child] of childrenOf(node)) waiting.push(child);
  }
}
