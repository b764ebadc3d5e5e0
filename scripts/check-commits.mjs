// Titles of commits: `node scripts/check-commits.mjs`. A scope, then what the commit does, as an order, in at most 72 characters:
// "gateway: rate-limit IPv6 clients by /64". The why belongs in the body.
import { execFileSync } from 'node:child_process';
import { root } from './prepare.mjs';

/** The last commit that did not have to keep to it. */
const before = '0e18813dcfae965afcb1d7bb9212bf4da4713e03';
const longest = 72;
const shape = /^[a-z][a-z0-9-]*: (?![A-Z][a-z]).*[^.\s]$/;

const git = (...args) => execFileSync('git', args, { cwd: root, encoding: 'utf8' });
const titles = git('log', '--no-merges', '--format=%s', ...range())
  .split('\n')
  .filter(Boolean);
const wrong = titles.flatMap((title) => {
  if (title.length > longest)
    return [`${title}\n  has ${title.length} characters, of at most ${longest}`];
  return shape.test(title) ? [] : [`${title}\n  expected a scope first: "store: keep …"`];
});
if (wrong.length > 0) {
  process.stderr.write(`${wrong.join('\n')}\n`);
  process.exitCode = 1;
}

/** What a shallow clone has is its newest commit. */
function range() {
  try {
    git('merge-base', '--is-ancestor', before, 'HEAD');
    return [`${before}..HEAD`];
  } catch {
    return ['-1'];
  }
}
