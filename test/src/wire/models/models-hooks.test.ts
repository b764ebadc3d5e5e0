import { expect, test } from 'vitest';
import { wireServer } from '../wire-server.js';

const hook = `
const probe = {
  odd: () => cancel(23, "Unexpected Error!"),
  first: () => missing(),
  second: () => null.x,
}[input.name];
if (probe) probe();
`;
const server = wireServer(
  {},
  {
    'models/things/model.yaml':
      'version: 1\nfields: { name: { type: String } }\naccess: { create: true }\n',
    'models/things/on-validate.js': hook,
  },
);

test('[HOK5] the code of a cancel is whatever whole number the hook chose', async () => {
  using client = await server.as('u');
  const { error } = await client.request({ cmd: 'create', r: '/things', body: { name: 'odd' } });
  expect(error).toEqual({ code: 23, message: 'Unexpected Error!' });
});

test('[HOK8] a line that fails all the time does not keep another out of the log', async () => {
  using client = await server.as('u');
  const fail = async (name: string) => {
    const { error } = await client.request({ cmd: 'create', r: '/things', body: { name } });
    expect(error?.message).toBe('internal.server.error');
  };
  for (let times = 0; times < 20; times++) await fail('first');
  await fail('second');
  const log = () => server.process.output.stdout;
  const reported = (line: number) =>
    `a script of a model failed: models/things/on-validate.js, line ${line}: `;
  await expect.poll(log).toContain(reported(5));
  expect(log()).toContain(reported(4));
});
