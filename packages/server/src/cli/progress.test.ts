import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { lineProgress, openProgress } from './progress.js';

function terminal(columns: number): { stream: NodeJS.WriteStream; written: () => string } {
  const stream = Object.assign(new PassThrough(), { isTTY: true, columns });
  let text = '';
  stream.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  // The parts of a terminal that the bar needs.
  return { stream: stream as unknown as NodeJS.WriteStream, written: () => text };
}

describe('on a terminal', () => {
  test('[CLI11] there is a bar, which ends at the final count', () => {
    const { stream, written } = terminal(100);
    const progress = openProgress(stream);
    progress.begin({ doing: 'exporting', unit: 'objects', total: 2000 });
    for (let n = 0; n < 2000; n++) progress.advance(1);
    progress.end();
    expect(written()).toMatch(/exporting \[-+\] 0 % 0 of 2,000 objects/);
    expect(written()).toMatch(/exporting \[=+\] 100 % 2,000 of 2,000 objects/);
  });

  test('[CLI11] more objects than expected move the end of the bar', () => {
    const { stream, written } = terminal(40);
    const progress = openProgress(stream);
    progress.begin({ doing: 'exporting', unit: 'objects', total: 10, done: 5 });
    progress.advance(15);
    progress.end();
    expect(written()).toMatch(/\[={5}\] 100 % 20 of 20 objects/);
  });

  test('[CLI11] without a total it counts', () => {
    const { stream, written } = terminal(100);
    const progress = openProgress(stream);
    progress.begin({ doing: 'importing', unit: 'lines' });
    progress.advance(7);
    progress.end();
    progress.end();
    expect(written()).toMatch(/importing 7 lines/);
    expect(written()).not.toContain(' [');
  });
});

describe('elsewhere', () => {
  function lines() {
    const clock = { now: 0 };
    const printed: string[] = [];
    const progress = lineProgress(
      (line) => printed.push(line),
      () => clock.now,
    );
    return { clock, printed, progress };
  }

  test('[CLI11] there is a line at the beginning, and one for each slow tenth', () => {
    const { clock, printed, progress } = lines();
    progress.begin({ doing: 'exporting', unit: 'objects', total: 10_000, done: 1000 });
    progress.advance(2000);
    clock.now = 1000;
    progress.advance(500);
    progress.advance(2000);
    clock.now = 2000;
    progress.advance(10_000);
    progress.end();
    expect(printed).toEqual([
      'exporting: 1,000 of 10,000 objects (10 %)',
      'exporting: 3,500 of 10,000 objects (35 %)',
      'exporting: 15,500 of 15,500 objects (100 %)',
    ]);
  });

  test('[CLI11] slow work prints a line every ten seconds, even without a total', () => {
    const { clock, printed, progress } = lines();
    progress.begin({ doing: 'importing', unit: 'lines' });
    for (let n = 1; n <= 25; n++) {
      clock.now = n * 1000;
      progress.advance(1);
    }
    progress.end();
    expect(printed).toEqual(['importing: 0 lines', 'importing: 10 lines', 'importing: 20 lines']);
  });
});
