import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from '../conventions/sources.js';
import { runNpm } from './npm.js';

/** The packages that are published. */
export const published = ['protocol', 'client', 'server'] as const;

export type PublishedName = (typeof published)[number];

/** The part of a package.json that is checked. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly description: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, { readonly types: string; readonly default: string }>>;
  readonly publishConfig?: { readonly access?: string };
  readonly bin?: Readonly<Record<string, string>>;
  readonly [member: string]: unknown;
}

export interface Packed {
  readonly manifest: Manifest;
  /** The path of the tarball. */
  readonly tarball: string;
  /** `sha512-…`, as npm says it. */
  readonly integrity: string;
  /** Paths in the package, sorted. */
  readonly files: readonly string[];
}

interface PackReport {
  readonly filename: string;
  readonly integrity: string;
  readonly files: readonly { readonly path: string }[];
}

export function manifestOf(name: PublishedName): Promise<Manifest> {
  return readJson(join(root, 'packages', name, 'package.json'));
}

async function readJson<Shape>(path: string): Promise<Shape> {
  return JSON.parse(await readFile(path, 'utf8')) as Shape;
}

/** Packs a package as it was built, into this folder. */
export async function pack(name: PublishedName, dir: string): Promise<Packed> {
  const { code, stdout, stderr } = await runNpm(
    ['pack', '--json', '--pack-destination', dir, join(root, 'packages', name)],
    root,
  );
  if (code !== 0) throw new Error(`npm pack ended with ${code}: ${stderr}`);
  // A list with npm 10, an object with npm 11.
  const [report] = Object.values(JSON.parse(stdout) as Record<string, PackReport>);
  if (report === undefined) throw new Error(`npm pack says ${stdout}`);
  const manifest = await manifestOf(name);
  const files = report.files.map(({ path }) => path).sort();
  return { manifest, tarball: join(dir, report.filename), integrity: report.integrity, files };
}
