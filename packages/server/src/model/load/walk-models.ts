import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isSystemName, nearestName } from '@really/protocol';
import type { Hooks } from '../model.js';
import { expectedNames, quoted } from './expected-names.js';
import { compareText, type Problems } from './problems.js';
import { reasonOf } from './source-file.js';

interface FoundFile {
  readonly path: string;
  /** Its displayed path. */
  readonly shown: string;
}

/** A folder with a `model.yaml`. */
export interface FoundModel {
  /** The names of the collection, from the outermost. */
  readonly names: readonly string[];
  readonly modelFile: FoundFile;
  /** The scripts beside it, by file name. */
  readonly scripts: ReadonlyMap<string, FoundFile>;
}

interface HookFile {
  readonly name: keyof Hooks;
  /** What it sees besides lookups. */
  readonly parameters: readonly string[];
  readonly isPostHook?: boolean;
}

/** Shared by the three post hooks, so that they can share code. */
const postScope = ['obj', 'before', 'after', 'fields', 'auth'];

export const hookFiles = new Map<string, HookFile>([
  ['on-validate.js', { name: 'onValidate', parameters: ['input', 'auth'] }],
  ['pre-get.js', { name: 'preGet', parameters: ['obj', 'auth'] }],
  ['pre-update.js', { name: 'preUpdate', parameters: ['before', 'after', 'fields', 'auth'] }],
  ['pre-delete.js', { name: 'preDelete', parameters: ['obj', 'auth'] }],
  ['post-create.js', { name: 'postCreate', parameters: postScope, isPostHook: true }],
  ['post-update.js', { name: 'postUpdate', parameters: postScope, isPostHook: true }],
  ['post-delete.js', { name: 'postDelete', parameters: postScope, isPostHook: true }],
]);

const evolution = /^evolution-([1-9]\d{0,8})\.js$/;
const modelFileName = 'model.yaml';
const knownFiles = [modelFileName, ...hookFiles.keys(), 'evolution-<version>.js'];

/** Maximum nesting of collections; symbolic links could make a folder endless. */
const deepest = 8;

/** The target version of an evolution; `undefined` if the file is not one. */
export function evolutionVersion(fileName: string): number | undefined {
  const match = evolution.exec(fileName);
  return match === null ? undefined : Number(match[1]);
}

/** Finds the models in a folder, parents first, sorted by name. */
export async function walkModels(dir: FoundFile, problems: Problems): Promise<FoundModel[]> {
  return await walk({ folder: dir, names: [], problems });
}

interface Walk {
  readonly folder: FoundFile;
  readonly names: readonly string[];
  readonly problems: Problems;
}

async function walk(at: Walk): Promise<FoundModel[]> {
  const { files, folders } = await list(at);
  const inner: FoundModel[] = [];
  for (const folder of folders) inner.push(...(await enter(at, folder)));
  const isModel = files.some(({ name }) => name === modelFileName);
  const holdsModels = inner.length > 0;
  if (at.names.length === 0) refuseLooseFiles(at, files);
  else if (isModel) return [modelOf(at, files), ...inner];
  else if (holdsModels || files.length > 0) refuseFolder(at, files, holdsModels);
  return inner;
}

interface Item extends FoundFile {
  readonly name: string;
}

async function list({ folder, problems }: Walk): Promise<{ files: Item[]; folders: Item[] }> {
  let entries: Dirent[] = [];
  try {
    entries = await readdir(folder.path, { withFileTypes: true });
  } catch (error) {
    const message = `cannot be read (${reasonOf(error)}); expected a folder of models`;
    problems.of(folder.shown, message);
  }
  const files: Item[] = [];
  const folders: Item[] = [];
  for (const entry of entries.toSorted((a, b) => compareText(a.name, b.name))) {
    // Temporary files of editors and systems.
    if (entry.name.startsWith('.') || entry.name.endsWith('~')) continue;
    const item = inside(folder, entry.name);
    ((await isFolder(entry, item.path)) ? folders : files).push(item);
  }
  return { files, folders };
}

function inside(folder: FoundFile, name: string): Item {
  return { name, path: join(folder.path, name), shown: join(folder.shown, name) };
}

/** A link counts as its target; a dangling link is a file that cannot be read. */
async function isFolder(entry: Dirent, path: string): Promise<boolean> {
  if (!entry.isSymbolicLink()) return entry.isDirectory();
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}

async function enter(at: Walk, folder: Item): Promise<FoundModel[]> {
  const { name, shown } = folder;
  const wrong = nameProblem(name, at.names.length + 1);
  if (wrong === undefined) return await walk({ ...at, folder, names: [...at.names, name] });
  at.problems.of(shown, `a collection cannot be named ${quoted(name)}: ${wrong}`);
  return [];
}

function nameProblem(name: string, depth: number): string | undefined {
  if (isSystemName(name)) return 'the name belongs to the system; expected another one';
  if (!/^[A-Za-z][A-Za-z0-9_-]*$/.test(name)) {
    return 'expected a letter, then letters, digits, `_` or `-`';
  }
  return depth > deepest ? `it is too deep; expected at most ${deepest} levels` : undefined;
}

function refuseLooseFiles({ problems }: Walk, files: readonly Item[]): void {
  for (const { name, shown } of files) {
    if (name !== modelFileName && !isModelFile(name)) continue;
    problems.of(shown, 'stands outside of any collection; expected it in a folder named like one');
  }
}

function isModelFile(name: string): boolean {
  return knownFiles.includes(name) || evolutionVersion(name) !== undefined;
}

function refuseFolder(
  { folder, problems }: Walk,
  files: readonly Item[],
  holdsModels: boolean,
): void {
  const why = holdsModels
    ? 'although there are models in folders inside it'
    : `although there is ${quoted(files[0]?.name ?? '')}`;
  const near = files.find(({ name }) => nearestName(name, knownFiles) === modelFileName);
  const hint = near === undefined ? '' : ` (is ${quoted(near.name)} meant?)`;
  problems.of(folder.shown, `the folder has no \`${modelFileName}\`, ${why}; expected one${hint}`);
}

function modelOf({ folder, names, problems }: Walk, files: readonly Item[]): FoundModel {
  const scripts = new Map<string, FoundFile>();
  for (const file of files) {
    if (file.name === modelFileName) continue;
    if (isModelFile(file.name)) scripts.set(file.name, file);
    else {
      const expected = expectedNames(file.name, knownFiles);
      problems.of(file.shown, `unknown file beside \`${modelFileName}\`; ${expected}`);
    }
  }
  return { names, modelFile: inside(folder, modelFileName), scripts };
}
