// `npm run clean`: removes what the build made. Data and installed packages stay.
import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
for (const folder of ['packages/protocol', 'packages/client', 'packages/server', 'test', 'bench']) {
  rmSync(join(root, folder, 'dist'), { recursive: true, force: true });
}
