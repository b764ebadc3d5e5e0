/**
 * The numbers of `Math.random` for a run that is executed more than once: the same for the same seed
 * (4 whole numbers of 32 bits). The algorithm is sfc32, with 53 random bits in each number.
 */
export function seededRandom(seed: readonly number[]): () => number {
  let [a = 0, b = 0, c = 0, count = 1] = seed;
  const next = () => {
    const sum = (a + b + count) | 0;
    count = (count + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    return sum >>> 0;
  };
  for (let round = 0; round < 12; round++) next();
  return () => ((next() >>> 5) * 2 ** 26 + (next() >>> 6)) / 2 ** 53;
}
