import type { ModelProblem } from '../model.js';

/** Collects the problems of all models, in an order that does not depend on the order of finding. */
export class Problems {
  readonly #found: ModelProblem[] = [];

  add(problem: ModelProblem): void {
    this.#found.push(problem);
  }

  /** A problem of a file or folder as a whole. */
  of(file: string, message: string): undefined {
    this.add({ file, line: 1, column: 1, message });
  }

  /** By file, then by position. Duplicates are removed. */
  sorted(): ModelProblem[] {
    const byPlace = this.#found.toSorted(compare);
    return byPlace.filter((problem, index) => {
      const previous = byPlace[index - 1];
      return previous === undefined || compare(previous, problem) !== 0;
    });
  }
}

function compare(a: ModelProblem, b: ModelProblem): number {
  return (
    compareText(a.file, b.file) ||
    a.line - b.line ||
    a.column - b.column ||
    compareText(a.message, b.message)
  );
}

/** By code units: the same on every machine, whatever its locale. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A problem as a readable line: `models/users/model.yaml:4:17: …`. */
export function formatProblem({ file, line, column, message }: ModelProblem): string {
  return `${file}:${line}:${column}: ${message}`;
}
