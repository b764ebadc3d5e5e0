import { describe, expect, test } from 'vitest';
import { isKnown, objectTag, revisionsIn } from './entity-tags.js';

const epoch = '0123456789abcdef';
const codings = ['-gzip', '--gzip', ';gzip', '-br', '--br', '-zstd', '-GZIP', '-x-gzip'];

describe.each(['abcdefghijklmnop', 'abcdefghijklmno-', 'abcdefghijklmn--', 'abcdefghijklm-br'])(
  '[HTTP8] a tag with the view %s',
  (view) => {
    const tag = objectTag(5, { epoch, view });

    test.each(['', ...codings])('is recognized with %j appended', (coding) => {
      expect(isKnown(`"${tag}${coding}"`, tag)).toBe(true);
      expect(isKnown(`W/"1-gzip", W/"${tag}${coding}"`, tag)).toBe(true);
      expect(isKnown(`"${objectTag(6, { epoch, view })}${coding}"`, tag)).toBe(false);
    });

    test.each(['', ...codings])('names its revision with %j appended', (coding) => {
      expect(revisionsIn(`"${tag}${coding}"`)).toEqual([{ rev: 5, epoch }]);
      expect(revisionsIn(`"5${coding}"`)).toEqual([{ rev: 5, epoch: undefined }]);
    });
  },
);

test('[HTTP8] a foreign tag names no revision', () => {
  for (const text of ['"abc"', '"5', '"-gzip"', '']) expect(() => revisionsIn(text)).toThrow();
});

test('[HTTP8] a header with more than 64 tags is refused', () => {
  const tags = Array.from({ length: 65 }, (_, n) => `"${n + 1}"`);
  expect(revisionsIn(tags.slice(1).join(', '))).toHaveLength(64);
  expect(isKnown(tags.slice(1).join(','), '65')).toBe(true);
  for (const [name, read] of [
    ['If-Match', () => revisionsIn(tags.join(','))],
    ['If-None-Match', () => isKnown(tags.join(','), '65')],
  ] as const) {
    expect(read).toThrow(
      expect.objectContaining({ code: 400, errors: { [name]: ['expected.at.most.64.tags'] } }),
    );
  }
});
