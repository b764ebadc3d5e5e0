import { statSync } from 'node:fs';
import type { ModelTypes } from '../model/typescript/types-of-models.js';
import { readText } from './config/read-text.js';
import { writeWhole } from './offline/output-file.js';

/** What belongs into a file of types, and beside it: a `really.d.ts` declares what is in `really.js`. */
function filesOf(path: string, { text, script }: ModelTypes): [path: string, text: string][] {
  const [, stem, kind] = /^(.*)\.d\.(m?)ts$/s.exec(path) ?? [];
  if (stem === undefined) return [[path, text]];
  return [
    [path, text],
    [`${stem}.${kind}js`, script],
  ];
}

/** Those of its files that are missing or say something else. A checkout may have changed the ends of lines. */
export function outdatedTypes(path: string, types: ModelTypes): string[] {
  return filesOf(path, types)
    .filter(([file, text]) => fileText(file)?.replaceAll('\r\n', '\n') !== text)
    .map(([file]) => file);
}

/** Writes the files that are outdated, each whole; returns them. Throws what the file system says. */
export function writeTypes(path: string, types: ModelTypes): string[] {
  const outdated = new Set(outdatedTypes(path, types));
  for (const [file, text] of filesOf(path, types)) if (outdated.has(file)) writeWhole(file, text);
  return [...outdated];
}

/** `undefined`: there is no such file, but perhaps a device or a pipe, whose reading would wait. */
function fileText(path: string): string | undefined {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ? readText(path) : undefined;
}
