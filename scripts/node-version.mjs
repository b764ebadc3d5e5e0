// Which versions of Node.js are supported: package.json says it. Has to run on old versions of Node.js.
import { readFileSync } from 'node:fs';

const { engines } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

/** The oldest version that is supported: `22.12`. */
export const oldest = /\d+\.\d+/.exec(engines.node)[0];

export const majorOf = (version) => Number(version.split('.')[0]);

export function isSupported(version) {
  const [major, minor] = version.split('.').map(Number);
  const [oldestMajor, oldestMinor] = oldest.split('.').map(Number);
  return major > oldestMajor || (major === oldestMajor && minor >= oldestMinor);
}
