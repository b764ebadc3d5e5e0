import { expect, test } from 'vitest';
import { appFolder } from '../../harness/app-folder.js';
import { Client } from '../../harness/client.js';
import { ServerProcess } from '../../harness/server-process.js';
import { signToken } from '../../harness/token.js';

/** One moment in winter and one in summer, in all the ways in which a script can see local time. */
const seen = `[1706781600000, 1720000000000].map((ms) => {
    const d = new Date(ms);
    const set = new Date(ms);
    set.setHours(1, 2, 3, 4);
    return [d.getFullYear(), d.getMonth(), d.getDate(), d.getDay(), d.getHours(), d.getMinutes(),
      d.getTimezoneOffset(), String(d), d.toDateString(), d.toTimeString(), d.toLocaleString(),
      set.toISOString(), new Date(2024, 6, 3, 1).toISOString(), Date.parse('2024-07-03T01:02:00'),
      new Date('2024-07-03 01:02').toISOString()].join(' | ');
  }).join(' || ')`;

const access = 'access: { create: true, read: true, update: true }';
const first = `version: 1
fields: { old: { type: String } }
${access}
`;
const models = {
  'models/days/model.yaml': `version: 2
fields:
  old: { type: String }
  evolved: { type: String }
  born: { type: String, default: "${seen.replaceAll('\n', ' ').replaceAll("'", '`')}" }
  worked: { type: Calculated, valueType: String, dependsOn: old, value: "${seen.replaceAll('\n', ' ').replaceAll("'", '`')}" }
  whole: { type: Long, validation: 'new Date(2024, 0, value).getTime() % 86400000 === 0' }
${access}
`,
  'models/days/evolution-2.js': `return { ...obj, evolved: ${seen} };`,
  'models/days/pre-get.js': `if (${seen} !== obj.worked) cancel(418, ${seen});`,
  'models/days/post-create.js': `create('/notes', { text: ${seen} });`,
  'models/notes/model.yaml': `version: 1\nfields: { text: { type: String } }\n${access}\n`,
};

/** What scripts of every kind saw on a machine of this time zone. */
async function seenIn(zone: string): Promise<unknown[]> {
  await using app = await appFolder({ 'models/days/model.yaml': first });
  const env = { TZ: zone };
  const token = signToken({ uid: 'u' });
  {
    await using server = await ServerProcess.start({ dir: app.dir, env });
    const client = await Client.connect(server.socketUrl, token);
    await client.request({ cmd: 'create', r: '/days/old', body: { old: 'o' } });
    await server.stop();
  }
  await app.write(models);
  await using server = await ServerProcess.start({ dir: app.dir, env });
  const client = await Client.connect(server.socketUrl, token);
  const made = await client.request({
    cmd: 'create',
    r: '/days/new',
    body: { old: 'o', whole: 3 },
  });
  const old = await client.request({ cmd: 'get', r: '/days/old' });
  const note = await expect
    .poll(async () => (await client.request({ cmd: 'read', r: '/notes' })).body.items[0]?.body.text)
    .toEqual(expect.any(String))
    .then(() => client.request({ cmd: 'read', r: '/notes' }));
  expect([made.error, old.error]).toEqual([undefined, undefined]);
  return [
    made.body.born,
    made.body.worked,
    old.body.evolved,
    old.body.worked,
    note.body.items[0].body.text,
  ];
}

test.each(['America/New_York', 'Asia/Kolkata'])(
  '[HOK12] scripts of every kind see UTC on a machine in %s',
  async (zone) => {
    const [winter, summer] = [
      '2024 | 1 | 1 | 4 | 10 | 0 | 0 | Thu Feb 01 2024 10:00:00 GMT+0000 | Thu Feb 01 2024 | 10:00:00 GMT+0000 | 02/01/2024, 10:00:00 AM | 2024-02-01T01:02:03.004Z',
      '2024 | 6 | 3 | 3 | 9 | 46 | 0 | Wed Jul 03 2024 09:46:40 GMT+0000 | Wed Jul 03 2024 | 09:46:40 GMT+0000 | 07/03/2024, 09:46:40 AM | 2024-07-03T01:02:03.004Z',
    ].map(
      (begin) => `${begin} | 2024-07-03T01:00:00.000Z | 1719968520000 | 2024-07-03T01:02:00.000Z`,
    );
    const utc = `${winter} || ${summer}`;
    expect(await seenIn(zone)).toEqual([utc, utc, utc, utc, utc]);
  },
);
