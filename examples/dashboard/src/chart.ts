/** Values by the name of their line at one moment; `isStale`: they may have been others, for the page was not connected. */
interface Sample {
  readonly values: Readonly<Record<string, number | undefined>>;
  readonly isStale: boolean;
}

const svgElement = (name: string) => document.createElementNS('http://www.w3.org/2000/svg', name);

/** Lines through the last samples, the newest at the right. It keeps as many as it shows. */
export class Chart {
  readonly #svg: Element;
  readonly #points: number;
  readonly #top: number | undefined;
  readonly #lines = new Map<string, Element>();
  readonly #gaps = svgElement('path');
  #samples: Sample[] = [];

  /** `top`: the value at its upper edge; without it the largest that is shown. */
  constructor(svg: Element, { points, top }: { points: number; top?: number }) {
    this.#svg = svg;
    this.#points = points;
    this.#top = top;
    this.#gaps.classList.add('gap');
    svg.setAttribute('viewBox', `0 0 ${points - 1} 100`);
    svg.setAttribute('preserveAspectRatio', 'none');
    svg.append(this.#gaps);
  }

  /** Returns the value at the upper edge. */
  add(values: Sample['values'], isStale: boolean): number {
    this.#samples = [...this.#samples, { values, isStale }].slice(-this.#points);
    const all = this.#samples.flatMap((sample) => Object.values(sample.values));
    const top = this.#top ?? niceTop(Math.max(1, ...all.map((value) => value ?? 0)));
    for (const name of Object.keys(values)) {
      this.#line(name).setAttribute(
        'd',
        this.#path(({ values }) => values[name], top),
      );
    }
    const gaps = this.#samples.map((sample, n) => (sample.isStale ? `M${this.#x(n)} 0v100` : ''));
    this.#gaps.setAttribute('d', gaps.join(''));
    return top;
  }

  #line(name: string): Element {
    const line = this.#lines.get(name) ?? svgElement('path');
    if (!this.#lines.has(name)) {
      line.setAttribute('data-line', name);
      this.#lines.set(name, line);
      this.#svg.append(line);
    }
    return line;
  }

  /** Where there is no value the line is interrupted. */
  #path(read: (sample: Sample) => number | undefined, top: number): string {
    let pen = 'M';
    return this.#samples
      .map((sample, n) => {
        const value = read(sample);
        const step =
          value === undefined
            ? ''
            : `${pen}${this.#x(n)} ${(100 - (value / top) * 100).toFixed(1)}`;
        pen = value === undefined ? 'M' : 'L';
        return step;
      })
      .join('');
  }

  #x(n: number): number {
    return this.#points - this.#samples.length + n;
  }
}

/** The next of 1, 2, 5, 10, 20 …: a scale that does not change all the time. */
function niceTop(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return power * ([1, 2, 5].find((step) => value <= step * power) ?? 10);
}
