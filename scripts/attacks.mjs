// `npm run attacks`: every attack on a server in its long form, with the bounds of a machine that does nothing else;
// `npm run attacks -- scans` picks some. Seconds of each: ATTACK_SECONDS.
process.env.ATTACK_SECONDS = process.env.ATTACK_SECONDS || '20';
const picked = process.argv.slice(2).map((name) => `test/src/load/attacks/${name}.test.ts`);
process.argv.splice(
  2,
  process.argv.length,
  ...(picked.length > 0 ? picked : ['test/src/load/attacks/']),
);
await import('./test.mjs');
