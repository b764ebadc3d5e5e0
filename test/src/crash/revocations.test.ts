import { expect, test } from 'vitest';
import { appFolder } from '../harness/app-folder.js';
import { asApp, post } from '../harness/auth.js';
import { ServerProcess, testSecret } from '../harness/server-process.js';
import { signToken } from '../harness/token.js';

const rounds = 3;
const workers = 4;

const model = 'version: 1\nfields: { n: { type: Long } }\naccess: { create: true, read: true }\n';

/** Tokens by what a revocation of them was answered before the plug was pulled. */
interface Told {
  readonly revoked: string[];
  readonly good: string[];
}

/** Revokes token after token, in one way or the other, until the server is gone. */
async function revoke(url: string, name: string, reported: Told): Promise<void> {
  try {
    for (let n = 0; ; n++) {
      const uid = `${name}-${n}`;
      const claims = { uid, jti: uid, iat: Math.floor(Date.now() / 1000) - 1 };
      const token = signToken(claims, testSecret);
      const spared = signToken({ ...claims, uid: `${uid}-spared` }, testSecret);
      const { status } =
        n % 2 === 0
          ? await post(`${url}/auth/logout`, { token })
          : await asApp(`${url}/auth/tokens/revoke`, { uid });
      if (status !== 200) throw new Error(`answered ${status}`);
      reported.revoked.push(token);
      reported.good.push(spared);
    }
  } catch {
    // The plug was pulled.
  }
}

async function statusOf(url: string, token: string): Promise<string> {
  const response = await fetch(`${url}/v0.1/a?limit=1`, {
    headers: { authorization: `Bearer ${token}` },
  });
  const { error } = (await response.json()) as { error?: { errors: { accessToken: string[] } } };
  return error?.errors.accessToken.join() ?? 'good';
}

test('[AUT7] kill -9 at any moment: acknowledged revocations stay, and nothing else is revoked', async () => {
  await using app = await appFolder({
    'models/a/model.yaml': model,
    'really.yaml': 'rate: { commands: 0, address: 0 }\n',
  });
  const reported: Told = { revoked: [], good: [] };
  for (let round = 0; round < rounds; round++) {
    await using server = await ServerProcess.start({ dir: app.dir });
    const work = Array.from({ length: workers }, (_, n) =>
      revoke(server.url, `r${round}-w${n}`, reported),
    );
    const goal = reported.revoked.length + 5 + round * 11;
    while (reported.revoked.length < goal) await new Promise((resolve) => setImmediate(resolve));
    await server.kill();
    await Promise.all(work);
  }
  await using server = await ServerProcess.start({ dir: app.dir });
  const statuses = (tokens: readonly string[]) =>
    Promise.all(tokens.map((token) => statusOf(server.url, token)));
  expect(new Set(await statuses(reported.revoked))).toEqual(new Set(['token.revoked']));
  expect(new Set(await statuses(reported.good))).toEqual(new Set(['good']));
});
