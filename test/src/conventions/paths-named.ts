import { posix } from 'node:path';

/** What paths in the pages for contributors may be relative to. */
const bases = [
  '',
  'packages',
  'packages/server/src',
  'packages/client/src',
  'packages/protocol/src',
];

const isPath = (word: string): boolean =>
  /^[\w.][\w.<>-]*(\/[\w.<>-]*)+$/.test(word) || /^[\w-]+\.(ts|mjs|md|json|yaml)$/.test(word);

/**
 * The paths in code spans that are not there. A path is relative to the root, to the sources of a package or, in
 * one paragraph or list item, to the folder of a path before it. `<name>` stands for any name.
 */
export function missingPaths(text: string, exists: (path: string) => boolean): string[] {
  return text.split(/\n\s*\n|\n(?=\s*(?:\d+\.|-|\|) )/).flatMap((paragraph) => {
    const folders: string[] = [];
    return [...paragraph.matchAll(/`([^`\n]+)`/g)]
      .flatMap(([, code = '']) => code.split(' '))
      .filter(isPath)
      .filter((path) => {
        const [fixed = ''] = path.split('<');
        const needed = fixed === path ? path : posix.dirname(`${fixed}x`);
        const candidates = [...bases, ...folders].map((base) => posix.join(base, needed));
        const found = candidates.find(exists);
        if (found === undefined) return true;
        folders.push(found.endsWith('/') || !posix.extname(found) ? found : posix.dirname(found));
        return false;
      });
  });
}

export interface LinkTargets {
  readonly exists: (path: string) => boolean;
  /** The text of a page; of the page with the link for an empty path. */
  readonly read: (path: string) => string;
}

/** The relative links of a page that lead to no file, or to no heading of it. */
export function linkProblems(text: string, { exists, read }: LinkTargets): string[] {
  const prose = text.replace(/^```[\s\S]*?^```/gm, '').replace(/`[^`\n]*`/g, 'code');
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link = '']) => link)
    .filter((link) => !/^[a-z]+:/.test(link))
    .filter((link) => {
      const [path = '', heading] = link.split('#');
      if (path !== '' && !exists(path)) return true;
      return heading !== undefined && !anchorsOf(read(path)).has(heading);
    });
}

/** As GitHub makes them. */
function anchorsOf(page: string): ReadonlySet<string> {
  const prose = page.replace(/^```[\s\S]*?^```/gm, '');
  return new Set(
    [...prose.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}_ -]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}
