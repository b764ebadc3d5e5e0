import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../conventions/sources.js';

/** A block of a page between fences, ` ```ts ` or ` ```ts theirs `. */
export interface Fence {
  readonly language: string;
  /** What is said of it behind the language; empty if nothing is. */
  readonly mark: string;
  readonly text: string;
}

/** A part of a page under a heading `## …`. */
export interface PageSection {
  readonly title: string;
  readonly text: string;
  readonly fences: readonly Fence[];
}

/** The sections of a page of `docs/`, in order. */
export function sectionsOf(name: string): PageSection[] {
  const [, ...sections] = readFileSync(join(root, 'docs', name), 'utf8').split(/^## /m);
  return sections.map((text) => {
    return { title: text.slice(0, text.indexOf('\n')), text, fences: fencesIn(text) };
  });
}

export function fencesIn(text: string): Fence[] {
  return [...text.matchAll(/^```(\w+)(?: ([\w-]+))?\n([\s\S]*?)^```$/gm)].map(
    ([, language = '', mark = '', content = '']) => ({ language, mark, text: content }),
  );
}

/** The files that blocks spell out: those whose first line names the file, `# models/users/model.yaml`, as a comment. */
export function filesIn(fences: readonly Fence[]): Record<string, string> {
  const files: Record<string, string> = {};
  for (const { text } of fences) {
    const path = /^(?:#|\/\/|<!--) ([\w./-]+\.\w+)/.exec(text)?.[1];
    if (path !== undefined) files[path] = text;
  }
  return files;
}
